// expect: the network has more of these than the compile-time compiler has room for
// rule: network_fits_the_limits
// first: room_for::steps_of_a_path<8>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

template <int Depth> struct deep : residual<deep<Depth - 1>> {};
template <> struct deep<0> : conv<1, 3, pad::zero> {};
using em = model<deep<12>, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
