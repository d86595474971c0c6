// expect: conv: padding keeps the size only with an odd kernel
// rule: padding_needs_an_odd_kernel
// first: at<.*conv<2> ?>
// first: tag_of<.*conv<8, 4,.* ?>::self
// first: count_is<4>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = seq<conv<8>, conv<8, 4, pad::zero>>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
