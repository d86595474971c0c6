// expect: dropout: the rate must be at least 0 and below 1
// rule: rate_is_below_one
// first: at<.*dropout<1> ?>
#include <limits>

#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = seq<conv<8>, dropout<std::numeric_limits<float>::quiet_NaN()>>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
