// expect: the network's output must have one channel per class of the labels\.
// expect: Change the last convolution, or classes<N>
// rule: output_has_a_channel_per_class
// first: channels_are<2>
// first: classes_are<3>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using em = model<unet_small, tile<64, 64>, classes<3>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
