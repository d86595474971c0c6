// expect: the sizes of the tile and the channels of its image must be 1 or more
// rule: image_is_not_empty
// first: tile<64, 64>
// first: channels_are<0>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = unet_small;
using em = model<net, tile<64, 64>, channels<0>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
