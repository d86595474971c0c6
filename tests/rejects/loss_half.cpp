// expect: A loss has a value and a derivative, for float and double
// rule: option_is_known
// first: option_is_known.*minimise<.*half_a_loss
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

struct half_a_loss {
  template <class Real> static Real value(class_probabilities<Real> const& p) { return p.not_of(p.label); }
};
using em = model<unet_small, tile<64, 64>, minimise<half_a_loss>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
