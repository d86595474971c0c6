// expect: group_norm: the channels must be a multiple of the groups
// rule: groups_divide_the_channels
// first: at<.*group_norm<1> ?>
// first: tag_of<.*group_norm<8> ?>::self
// first: channels_are<12>
// first: groups_are<8>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = seq<conv<12>, group_norm<8>, relu>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
