// expect: sum: the two sides differ in channels. Project one of them: residual<body, conv<channels, 1>>
// rule: sum_has_equal_channels
// first: at<.*level<1>, .*decode, .*residual<1> ?>
// first: tag_of<.*residual<.* ?>::self
// first: channels_differ<16, 8>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = level<conv<8, 3, pad::zero>, seq<max_pool<2>, conv<16>, up_conv<8>>, residual<conv<8, 3, pad::zero>>>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
