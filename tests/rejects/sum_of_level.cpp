// expect: sum: the two sides differ in channels. Project one of them: residual<body, conv<channels, 1>>
// rule: sum_has_equal_channels
// first: at<.*level<1>, .*join ?>
// first: channels_differ<8, 16>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = level<conv<8, 3, pad::zero>, seq<max_pool<2>, conv<16, 3, pad::zero>, up_conv<16>>, conv<2, 1>, join::add>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
