// expect: channels, kernel, stride, dilation, window and factor must be 1 or more
// rule: counts_are_positive
// first: at<.*level<2>, .*decode, .*conv<2> ?>
// first: tag_of<.*conv<0, 3,.* ?>::self
// first: count_is<0>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

template <int F> using two = seq<conv<16, 3, pad::zero>, relu, conv<F, 3, pad::zero>, relu>;
using net =
    level<two<8>, seq<max_pool<2>, level<two<16>, seq<max_pool<2>, two<32>, up_conv<16>>, two<0>>, up_conv<8>>, two<2>>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
