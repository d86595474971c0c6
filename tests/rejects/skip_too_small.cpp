// expect: join: the skip is smaller than what it meets. Go up as often as down inside this level
// rule: skip_covers_the_upsampled
// first: at<.*level<1>, .*join ?>
// first: tag_of<.*(level<.*|net) ?>::self
// first: skip_is<62, 62>
// first: joined_with<112, 112>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = level<conv<8>, seq<max_pool<2>, conv<16>, conv<16, 2>, up_conv<8, 4>>, conv<2>>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
