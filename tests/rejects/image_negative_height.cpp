// expect: the sizes of the tile and the channels of its image must be 1 or more
// rule: image_is_not_empty
// first: tile<-572, 572>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = unet_small;
using em = model<net, tile<-572, 572>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
