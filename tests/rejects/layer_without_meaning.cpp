// expect: this is no layer: it has neither an overload trace\(layer, tracer&\) nor value and derivative
// rule: layer_has_a_meaning
// first: at<.*level<3>, .*decode, .*layer<1> ?>
// first: tag_of<.*lab::squeeze ?>::self
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

namespace lab {
struct squeeze {};
template <class Inner, class Decode> using stage_of =
    level<conv<4, 3, pad::zero>, seq<max_pool<2>, Inner, up_conv<4>>, Decode>;
}  // namespace lab
using net = lab::stage_of<lab::stage_of<lab::stage_of<conv<8>, seq<relu, lab::squeeze>>, relu>, conv<2>>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
