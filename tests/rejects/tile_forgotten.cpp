// expect: model: behind the network comes tile<height, width>, or tile<depth, height, width>
// rule: tile_has_two_or_three_sizes
// first: two_or_three_sizes.*channels<3>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using em = model<unet_small, channels<3>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
