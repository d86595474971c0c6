// expect: channels, kernel, stride, dilation, window and factor must be 1 or more
// rule: counts_are_positive
// first: at<.*avg_pool<1> ?>
// first: tag_of<.*avg_pool<0> ?>::self
// first: count_is<0>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = seq<conv<4>, avg_pool<0>>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
