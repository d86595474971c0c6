// expect: the network has more of these than the compile-time compiler has room for
// rule: network_fits_the_limits
// first: room_for::ops<170>
#include <utility>

#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

template <std::size_t> using one = relu;
template <class> struct many;
template <std::size_t... I> struct many<std::index_sequence<I...>> : seq<one<I>...> {};
using em = model<many<std::make_index_sequence<171>>, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
