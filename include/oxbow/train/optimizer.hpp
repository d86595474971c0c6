// How a gradient changes the parameters.
#pragma once
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <variant>

#include <oxbow/core/elementary.hpp>
#include <oxbow/core/portable.hpp>

namespace oxbow {

/// An optimizer is an aggregate of settings with a name, a number of buffers (one float per
/// parameter each, zero at first), a rate, and `at(step, factor)`: the update rule of step 0, 1, …
/// with the rate multiplied by the schedule's factor. The rule is trivially copyable and works on
/// one parameter alone, `rule(parameter, gradient, buffers of the parameter)`, so that one launch
/// over the flat arena runs it. One's own type that satisfies this is passed to `train` likewise.
template <class T>
concept optimizer = requires(T const& o, float& parameter, float gradient, std::array<float*, T::buffers> state) {
  { T::name } -> std::convertible_to<char const*>;
  { o.rate } -> std::convertible_to<float>;
  o.at(std::int64_t{}, double{})(parameter, gradient, state);
};

/// One with a single buffer v that gradients can be added to where they are made, v ← momentum·v + g, where gathers()
/// says so. descent_at(factor) is what is left to do then: rule(parameter, v, no buffers).
template <class T>
concept gathering_optimizer = optimizer<T> && T::buffers == 1 && requires(T const& o, float& parameter, float v) {
  { o.momentum } -> std::convertible_to<float>;
  { o.gathers() } -> std::convertible_to<bool>;
  o.descent_at(double{})(parameter, v, std::array<float*, 0>{});
};

/// Stochastic gradient descent. With velocity v, decay d and momentum m:
///   g ← g + d·p;  v ← m·v + g;  p ← p − rate·v      (Nesterov: p ← p − rate·(g + m·v))
/// source  torch.optim.SGD with dampening 0; the paper trains with momentum .99 (section 3)
struct sgd {
  float rate = 1e-2f;
  float momentum = 0;
  bool nesterov = false;
  float weight_decay = 0;

  static constexpr char const* name = "sgd";
  static constexpr int buffers = 1;

  struct rule {
    float rate, momentum, decay;
    float of_gradient, of_velocity;  ///< the way is the sum of these times g and v: 0 and 1, Nesterov's 1 and m
    OXBOW_DEVICE void operator()(float& p, float g, std::array<float*, 1> state) const {
      float& v = *state[0];
      g += decay * p;
      v = momentum * v + g;
      p -= rate * (of_gradient * g + of_velocity * v);
    }
  };
  constexpr bool gathers() const { return momentum > 0 && !nesterov && weight_decay == 0; }
  struct descent {
    float rate;
    OXBOW_DEVICE void operator()(float& p, float v, std::array<float*, 0>) const { p -= rate * v; }
  };
  constexpr descent descent_at(double factor) const { return {static_cast<float>(rate * factor)}; }

  constexpr rule at(std::int64_t, double factor) const {
    float const now = static_cast<float>(rate * factor);
    return nesterov ? rule{now, momentum, weight_decay, 1, momentum} : rule{now, momentum, weight_decay, 0, 1};
  }
};

namespace detail {

/// The part that Adam and AdamW share; t counts from 1:
///   m ← m + (1 − β1)(g − m);  v ← β2·v + (1 − β2)·g²
///   p ← p − rate/(1 − β1^t) · m / (√v/√(1 − β2^t) + ε)
/// √v is within 2^-22 of itself, for the library's would be a call for each parameter.
struct adam_rule {
  float mean_part, beta2, square_part, step_size, root, epsilon;
  float decay;  ///< added to the gradient, times p
  float keep;   ///< p is multiplied by it first

  OXBOW_DEVICE void operator()(float& p, float g, std::array<float*, 2> state) const {
    float &m = *state[0], &v = *state[1];
    p *= keep;
    g += decay * p;
    m += mean_part * (g - m);
    v = beta2 * v + square_part * g * g;
    p -= step_size * m / (root_of(v) / root + epsilon);
  }
};

/// Powers and differences in double, as 1 − β2 = .001 leaves no digits to spare in float.
template <class Settings>
adam_rule adam_at(Settings const& s, std::int64_t step, double factor, double decay, double keep) {
  double const t = static_cast<double>(step) + 1, rate = s.rate * factor;
  return {static_cast<float>(1 - s.beta1),
          static_cast<float>(s.beta2),
          static_cast<float>(1 - s.beta2),
          static_cast<float>(rate / (1 - std::pow(s.beta1, t))),
          static_cast<float>(std::sqrt(1 - std::pow(s.beta2, t))),
          s.epsilon,
          static_cast<float>(decay),
          static_cast<float>(keep)};
}

}  // namespace detail

/// Adam; weight decay is a part of the gradient, as in torch.optim.Adam.
/// source  Kingma and Ba 2015, algorithm 1
struct adam {
  float rate = 1e-3f;
  double beta1 = 0.9, beta2 = 0.999;
  float epsilon = 1e-8f;
  float weight_decay = 0;

  static constexpr char const* name = "adam";
  static constexpr int buffers = 2;

  auto at(std::int64_t step, double factor) const { return detail::adam_at(*this, step, factor, weight_decay, 1); }
};

/// Adam with decoupled weight decay: p ← (1 − rate·d)·p first, as in torch.optim.AdamW.
/// source  Loshchilov and Hutter 2019, algorithm 2
struct adamw {
  float rate = 1e-3f;
  double beta1 = 0.9, beta2 = 0.999;
  float epsilon = 1e-8f;
  float weight_decay = 1e-2f;

  static constexpr char const* name = "adamw";
  static constexpr int buffers = 2;

  auto at(std::int64_t step, double factor) const {
    return detail::adam_at(*this, step, factor, 0, 1 - static_cast<double>(rate) * factor * weight_decay);
  }
};

static_assert(gathering_optimizer<sgd> && optimizer<adam> && optimizer<adamw>);

/// One of the optimizers above, chosen while the program runs.
using any_optimizer = std::variant<sgd, adam, adamw>;

}  // namespace oxbow
