// Activations in the precision of the oracle.
#pragma once
#include <cmath>
#include <concepts>

#include <oxbow/core/function.hpp>

namespace oxbow::ops {

/// f(x). A function is one of float, so in float this is the function itself. In double the library's own activations
/// are written again, so that central differences with small steps mean something; a user's function is evaluated in
/// float, which leaves a difference with an error of about 2^−24 · |y| / step.
template <std::floating_point Real> Real value_of(function const& f, Real x) {
  if constexpr (std::same_as<Real, double>) {
    if (f.value == &identity::value) return x;
    if (f.value == &relu::value) return x > 0 ? x : 0;
    if (f.value == &leaky_relu<>::value) return x > 0 ? x : double{0.01f} * x;
    if (f.value == &elu::value) return x > 0 ? x : std::expm1(x);
    if (f.value == &sigmoid::value) return 1 / (1 + std::exp(-x));
    if (f.value == &silu::value) return x / (1 + std::exp(-x));
    if (f.value == &gelu::value) return x * 0.5 * std::erfc(-x * 0.70710678118654752440);
  }
  return static_cast<Real>(f.value(static_cast<float>(x)));
}

/// f', at the output if f.of_output and else at the input.
template <std::floating_point Real> Real derivative_of(function const& f, Real at) {
  if constexpr (std::same_as<Real, double>) {
    if (f.value == &elu::value) return at > 0 ? 1 : at + 1;
    if (f.value == &sigmoid::value) return at * (1 - at);
    if (f.value == &silu::value) {
      double const s = 1 / (1 + std::exp(-at));
      return s * (1 + at * (1 - s));
    }
    if (f.value == &gelu::value)
      return 0.5 * std::erfc(-at * 0.70710678118654752440) + at * 0.39894228040143267794 * std::exp(-0.5 * at * at);
  }
  return static_cast<Real>(f.derivative(static_cast<float>(at)));
}

}  // namespace oxbow::ops
