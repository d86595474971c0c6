// expect: channels, kernel, stride, dilation, window and factor must be 1 or more
// rule: counts_are_positive
// first: at<.*conv<1> ?>
// first: count_is<-2>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = conv<4, 3, pad::zero, -2>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
