// Activations on vectors: the library's own by hand, anybody else's one element after the other.
#pragma once
#include <type_traits>

#include <oxbow/core/function.hpp>
#include <oxbow/host/simd.hpp>

namespace oxbow::on_host {
namespace detail {

template <function const* F> struct function_tag;

/// Is F the function of activation A? Asked of types: under -fsanitize=undefined g++ 12 does not take a comparison of
/// these addresses for a constant.
template <function const* F, class A> inline constexpr bool is_function =
    std::is_same_v<function_tag<F>, function_tag<&function_of<A>::self>>;

/// Can the compiler evaluate the function, as it can those without exp and its like?
template <function const* F>
concept evaluated_early = requires {
  typename std::bool_constant<(F->value(-1.f), true)>;
};

/// The slope s for which F is leaky_relu<s>, or none. A leaky_relu is known by what it makes of −1.
struct slope_or_none {
  bool is = false;
  float slope = 0;
};
template <function const* F> constexpr slope_or_none leaky_slope() {
  if constexpr (evaluated_early<F>) {
    constexpr real slope{-F->value(-1.f)};
    if constexpr (float{slope} > 0) return {is_function<F, leaky_relu<slope>>, slope};
    else return {};
  } else {
    return {};
  }
}

template <class Arch> vec<Arch> logistic(vec<Arch> const& x) {
  vec<Arch> const one(1.f);
  return one / (one + xsimd::exp(-x));
}

}  // namespace detail

/// F on vectors. xsimd's exp, expm1 and erf are within 1.5, 2 and 2.5 units in the last place of the exact ones, and
/// exp is 0 below −88 and infinite above 88.3. A NaN stays one, except in relu, as in the scalar functions.
template <class Arch, function const* F> struct vector_function {
  using v = vec<Arch>;

  static v value(v const& x) {
    v const zero(0.f), one(1.f);
    constexpr detail::slope_or_none leaky = detail::leaky_slope<F>();
    if constexpr (detail::is_function<F, identity>) return x;
    else if constexpr (detail::is_function<F, relu>) return xsimd::select(x > zero, x, zero);
    else if constexpr (leaky.is) return xsimd::select(x > zero, x, v(leaky.slope) * x);
    else if constexpr (detail::is_function<F, elu>) return xsimd::select(x > zero, x, xsimd::expm1(x));
    else if constexpr (detail::is_function<F, sigmoid>) return detail::logistic<Arch>(x);
    else if constexpr (detail::is_function<F, silu>) return x * detail::logistic<Arch>(x);
    else if constexpr (detail::is_function<F, gelu>) return v(0.5f) * x * (one + xsimd::erf(x * v(0.70710678f)));
    else return each(x, [](float e) { return F->value(e); });
  }

  /// Of the output if F->of_output, else of the input.
  static v derivative(v const& at) {
    v const zero(0.f), one(1.f);
    constexpr detail::slope_or_none leaky = detail::leaky_slope<F>();
    if constexpr (detail::is_function<F, identity>) return one;
    else if constexpr (detail::is_function<F, relu>) return xsimd::select(at > zero, one, zero);
    else if constexpr (leaky.is) return xsimd::select(at > zero, one, v(leaky.slope));
    else if constexpr (detail::is_function<F, elu>) return xsimd::select(at > zero, one, at + one);
    else if constexpr (detail::is_function<F, sigmoid>) return at * (one - at);
    else if constexpr (detail::is_function<F, silu>) {
      v const s = detail::logistic<Arch>(at);
      return s * (one + at * (one - s));
    } else if constexpr (detail::is_function<F, gelu>) {
      v const density = v(0.39894228f) * xsimd::exp(v(-0.5f) * at * at);
      return v(0.5f) * (one + xsimd::erf(at * v(0.70710678f))) + at * density;
    } else return each(at, [](float e) { return F->derivative(e); });
  }

 private:
  /// A loop of constant length around an inlined function: compilers make vector code of it where they can.
  template <class G> static v each(v const& x, G const& g) {
    alignas(64) float e[width_of<Arch>];
    x.store_aligned(e);
    for (float& t : e) t = g(t);
    return v::load_aligned(e);
  }
};

}  // namespace oxbow::on_host
