// expect: pooling: the image must be a multiple of the window here. Use one of the nearest tiles
// rule: pooling_divides_the_size
// first: at<.*level<1>, .*inner, .*layer<1>, .*max_pool<1> ?>
// first: tag_of<.*max_pool<2> ?>::self
// first: image_is<63, 64>
// first: nearest<.*tile<62, 64>, .*tile<64, 64> ?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

namespace lab {
/// Halves twice as gently: the sum of both poolings.
template <int F> struct gentle_down {};
template <int F> constexpr void trace(gentle_down<F>, oxbow::tracer& t) {
  trace_layer(seq<max_pool<2>, conv<F, 3, pad::zero>, relu>{}, t);
}
}  // namespace lab
using net = level<conv<8, 3, pad::zero>, seq<lab::gentle_down<16>, up_conv<8>>, conv<2, 1>>;
using em = model<net, tile<63, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
