// expect: group_norm: the channels must be a multiple of the groups
// rule: groups_divide_the_channels
// first: at<.*level<1>, .*encode, .*group_norm<1> ?>
// first: tag_of<.*group_norm<0> ?>::self
// first: channels_are<8>
// first: groups_are<0>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = level<seq<conv<8>, group_norm<0>>, seq<max_pool<2>, conv<8>, up_conv<8>>, conv<2>>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
