// expect: dropout: the rate must be at least 0 and below 1
// rule: rate_is_below_one
// first: at<.*level<1>, .*inner, .*dropout<1> ?>
// first: tag_of<.*dropout<.* ?>::self
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = level<conv<8>, seq<max_pool<2>, conv<16>, dropout<1.f>, up_conv<8>>, conv<2>>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
