// Activations: elementwise functions with a derivative, ours and a user's alike.
#pragma once
#include <cmath>
#include <concepts>

#include <oxbow/core/portable.hpp>
#include <oxbow/core/real.hpp>

namespace oxbow {

struct at_input { float x; };   ///< "this derivative is a function of the input"
struct at_output { float y; };  ///< "… of the output", so that the input need not be kept

/// A struct with a value and a derivative is a layer, wherever it lives: it is fused into the step
/// that makes its input, and its derivative into the gradient of that step.
template <class A>
concept activation = requires(float x) { { A::value(x) } -> std::same_as<float>; } &&
                     (requires(at_input a) { { A::derivative(a) } -> std::same_as<float>; } ||
                      requires(at_output a) { { A::derivative(a) } -> std::same_as<float>; });

/// max(x, 0)
struct relu {
  static constexpr OXBOW_DEVICE float value(float x) { return x > 0 ? x : 0; }
  static constexpr OXBOW_DEVICE float derivative(at_output a) { return a.y > 0 ? 1.f : 0.f; }
};

/// x above zero, Slope · x below. Slope is positive, so that the sign of the output tells the side.
template <real Slope = 0.01f> struct leaky_relu {
  static_assert(float{Slope} > 0, "leaky_relu: the slope must be above 0. Use relu for none.");
  static constexpr OXBOW_DEVICE float value(float x) { return x > 0 ? x : float{Slope} * x; }
  static constexpr OXBOW_DEVICE float derivative(at_output a) { return a.y > 0 ? 1.f : float{Slope}; }
};

/// x above zero, exp(x) − 1 below.
struct elu {
  static OXBOW_DEVICE float value(float x) { return x > 0 ? x : std::expm1(x); }
  static constexpr OXBOW_DEVICE float derivative(at_output a) { return a.y > 0 ? 1.f : a.y + 1.f; }
};

/// 1 / (1 + exp(−x))
struct sigmoid {
  static OXBOW_DEVICE float value(float x) { return 1.f / (1.f + std::exp(-x)); }
  static constexpr OXBOW_DEVICE float derivative(at_output a) { return a.y * (1.f - a.y); }
};

/// x · sigmoid(x)
struct silu {
  static OXBOW_DEVICE float value(float x) { return x * sigmoid::value(x); }
  static OXBOW_DEVICE float derivative(at_input a) {
    float const s = sigmoid::value(a.x);
    return s * (1.f + a.x * (1.f - s));
  }
};

/// x · Φ(x), with the error function and not its tanh approximation.
struct gelu {
  static OXBOW_DEVICE float value(float x) { return 0.5f * x * (1.f + std::erf(x * 0.70710678f)); }
  static OXBOW_DEVICE float derivative(at_input a) {
    return 0.5f * (1.f + std::erf(a.x * 0.70710678f)) + a.x * 0.39894228f * std::exp(-0.5f * a.x * a.x);
  }
};

}  // namespace oxbow
