// expect: dropout: the rate must be at least 0 and below 1
// rule: rate_is_below_one
// first: at<.*dropout<2> ?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = seq<conv<8>, dropout<0.f>, dropout<-0.5f>>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
