// expect: channels, kernel, stride, dilation, window and factor must be 1 or more
// rule: counts_are_positive
// first: at<.*up_conv<1> ?>
// first: tag_of<.*up_conv<-4(, 2)?> ?>::self
// first: count_is<-4>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = seq<max_pool<2>, up_conv<-4>, conv<2, 1>>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
