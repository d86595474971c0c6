// Ops that look at one element of each input at a time.
#pragma once
#include <oxbow/ops/activation.hpp>
#include <oxbow/ops/dropout.hpp>
#include <oxbow/ops/tensor.hpp>

namespace oxbow::ops {

/// y = f(x).
template <std::floating_point Real> tensor<Real> activate(tensor<Real> const& x, function const& f) {
  return make_tensor<Real>(x.size, x.channels, [&](int c, pixel p) { return value_of(f, x(c, p)); });
}

/// dx = dy · f'(at), where `at` is y if f.of_output and else x.
template <std::floating_point Real>
tensor<Real> activate_grad(tensor<Real> const& dy, tensor<Real> const& at, function const& f) {
  return make_tensor<Real>(dy.size, dy.channels, [&](int c, pixel p) { return dy(c, p) * derivative_of(f, at(c, p)); });
}

/// y = x · mask, where an element of the mask is 0 with probability rate and else 1 / (1 − rate), so that the
/// expected value of y is x. The gradient is the same op on dy.
/// source  Srivastava et al. 2014, in its inverted form: nothing is left to scale when predicting
template <std::floating_point Real>
tensor<Real> drop(tensor<Real> const& x, random_stream const& stream, float rate) {
  return make_tensor<Real>(x.size, x.channels, [&](int c, pixel p) {
    auto const element = static_cast<std::uint64_t>(index(x.size, p) * x.channels + c);
    return x(c, p) * static_cast<Real>(drop_factor(stream, element, rate));
  });
}

/// y = a + b. The gradient flows into both.
template <std::floating_point Real> tensor<Real> add(tensor<Real> const& a, tensor<Real> const& b) {
  return make_tensor<Real>(a.size, a.channels, [&](int c, pixel p) { return a(c, p) + b(c, p); });
}

}  // namespace oxbow::ops
