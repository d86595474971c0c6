// expect: this is no layer: it has neither an overload trace\(layer, tracer&\) nor value and derivative
// rule: layer_has_a_meaning
// first: at<.*layer<1> ?>
// first: tag_of<.*lab::cube ?>::self
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

namespace lab {
struct cube {  // without a derivative it is no activation
  static constexpr float value(float x) { return x * x * x; }
};
}  // namespace lab
using net = seq<conv<4, 3, pad::zero>, lab::cube, conv<2, 1>>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
