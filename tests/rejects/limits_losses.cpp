// expect: the network has more of these than the compile-time compiler has room for
// rule: network_fits_the_limits
// first: room_for::losses<8>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = seq<stage<4>, branch<"low", conv<2, 1>>, conv<2, 1>>;
using low = supervise<"low", 0.1f>;
using em = model<net, tile<32, 32>, low, low, low, low, low, low, low, low>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
