// expect: model: behind the tile come channels<N>, classes<N>, inference_memory<N>
// rule: option_is_known
// first: option_is_known.*tile<64, 64>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using em = model<unet_small, tile<64, 64>, channels<3>, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
