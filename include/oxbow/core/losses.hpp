// Losses of a pixel: functions of the classes' probabilities with a derivative, ours and a user's alike.
#pragma once
#include <cmath>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include <oxbow/core/portable.hpp>
#include <oxbow/core/real.hpp>

namespace oxbow {

/// What a network thinks of one labelled pixel.
template <class Real> struct class_probabilities {
  Real const* share;    ///< softmax of the logits
  Real const* without;  ///< 1 − share, summed from the other classes, so that it is exact where the network is sure
  Real const* logs;     ///< log of share, finite where share has become 0
  int classes, label;

  constexpr OXBOW_DEVICE Real of(int k) const { return share[k]; }
  constexpr OXBOW_DEVICE Real not_of(int k) const { return without[k]; }
  constexpr OXBOW_DEVICE Real log_of(int k) const { return logs[k]; }
};

/// A struct with a value and a derivative is a loss, wherever it lives: templates over float and double, the latter for
/// checking gradients.
///   value(p)          the loss of the pixel, without its weight
///   derivative(p, k)  of the value by the logarithm of class k's probability, as if those were independent; the
///                     softmax is the library's matter
template <class L>
concept pixel_loss = requires(class_probabilities<float> f, class_probabilities<double> d, int k) {
  { L::value(f) } -> std::same_as<float>;
  { L::value(d) } -> std::same_as<double>;
  { L::derivative(f, k) } -> std::same_as<float>;
  { L::derivative(d, k) } -> std::same_as<double>;
};

/// −log p of the label: the default, and the paper's (equation 1).
struct cross_entropy {
  template <class Real> static OXBOW_DEVICE Real value(class_probabilities<Real> const& p) {
    return -p.log_of(p.label);
  }
  template <class Real> static OXBOW_DEVICE Real derivative(class_probabilities<Real> const& p, int k) {
    return k == p.label ? Real{-1} : Real{0};
  }
};

/// Cross-entropy with labels that are only so sure: the label has 1 − Smoothing and a share of the rest, every other
/// class Smoothing / classes.
/// source  Szegedy et al., Rethinking the Inception architecture. CVPR 2016, section 7
template <real Smoothing = 0.1f> struct smooth_cross_entropy {
  static_assert(float{Smoothing} >= 0 && float{Smoothing} < 1, "smooth_cross_entropy: Smoothing must lie in [0, 1).");

  template <class Real> static OXBOW_DEVICE Real value(class_probabilities<Real> const& p) {
    Real sum = 0;
    for (int k = 0; k < p.classes; ++k) sum += derivative(p, k) * p.log_of(k);
    return sum;
  }
  template <class Real> static OXBOW_DEVICE Real derivative(class_probabilities<Real> const& p, int k) {
    Real const all = static_cast<Real>(smoothing);
    return -((k == p.label ? 1 - all : Real{0}) + all / static_cast<Real>(p.classes));
  }

 private:
  static constexpr float smoothing{Smoothing};  // a constant: device code does not call what makes it
};

/// −(1 − p)^Gamma · log p of the label: pixels that the network is sure of count little.
/// source  Lin et al., Focal loss for dense object detection. ICCV 2017, equation 4
template <real Gamma = 2.f> struct focal {
  static_assert(float{Gamma} >= 1, "focal: Gamma must be at least 1; for 0 take cross_entropy.");

  template <class Real> static OXBOW_DEVICE Real value(class_probabilities<Real> const& p) {
    return -std::pow(p.not_of(p.label), static_cast<Real>(gamma)) * p.log_of(p.label);
  }
  template <class Real> static OXBOW_DEVICE Real derivative(class_probabilities<Real> const& p, int k) {
    if (k != p.label) return 0;
    Real const power = static_cast<Real>(gamma), rest = p.not_of(k), less = std::pow(rest, power - 1);
    return less * (power * p.of(k) * p.log_of(k) - rest);
  }

 private:
  static constexpr float gamma{Gamma};
};

/// (1 − Share) · A + Share · B.
template <pixel_loss A, pixel_loss B, real Share = 0.5f> struct blend {
  template <class Real> static OXBOW_DEVICE Real value(class_probabilities<Real> const& p) {
    return mix(A::value(p), B::value(p));
  }
  template <class Real> static OXBOW_DEVICE Real derivative(class_probabilities<Real> const& p, int k) {
    return mix(A::derivative(p, k), B::derivative(p, k));
  }

 private:
  static constexpr float share{Share};
  template <class Real> static OXBOW_DEVICE Real mix(Real a, Real b) {
    return (1 - static_cast<Real>(share)) * a + static_cast<Real>(share) * b;
  }
};

template <class Real> struct class_overlap;
template <class Real> struct overlap_slope;

/// The part of a loss that is a function of sums over the tile; see region_losses.hpp.
template <class Real> struct region_function {
  Real (*value)(class_overlap<Real> const&) = nullptr;
  overlap_slope<Real> (*derivative)(class_overlap<Real> const&) = nullptr;
};

/// A loss as a value, so that a flat graph can point at a type it has never seen.
struct loss_function {
  float (*value)(class_probabilities<float> const&);
  float (*derivative)(class_probabilities<float> const&, int);
  double (*exact_value)(class_probabilities<double> const&);
  double (*exact_derivative)(class_probabilities<double> const&, int);
  bool plain;  ///< cross-entropy, which kernels have a form of their own for
  region_function<float> region = {};
  region_function<double> exact_region = {};
  float region_share = 0;  ///< what the mean over the classes is multiplied by

  constexpr bool regional() const { return region_share != 0; }
  template <class Real> OXBOW_DEVICE Real region_value_of(class_overlap<Real> const& o) const {
    return region_of<Real>().value(o);
  }
  template <class Real> OXBOW_DEVICE overlap_slope<Real> region_derivative_of(class_overlap<Real> const& o) const {
    return region_of<Real>().derivative(o);
  }
  template <class Real> OXBOW_DEVICE region_function<Real> const& region_of() const {
    if constexpr (std::is_same_v<Real, double>) return exact_region;
    else return region;
  }

  template <class Real> OXBOW_DEVICE Real value_of(class_probabilities<Real> const& p) const {
    if constexpr (std::is_same_v<Real, double>) return exact_value(p);
    else return value(p);
  }
  template <class Real> OXBOW_DEVICE Real derivative_of(class_probabilities<Real> const& p, int k) const {
    if constexpr (std::is_same_v<Real, double>) return exact_derivative(p, k);
    else return derivative(p, k);
  }
};

template <class L> struct loss_of;
template <pixel_loss L> struct loss_of<L> {
  static constexpr loss_function self{&L::template value<float>, &L::template derivative<float>,
                                      &L::template value<double>, &L::template derivative<double>,
                                      std::is_same_v<L, cross_entropy>};
};

/// From the logits of one labelled pixel, `stride` apart, to their gradients in place; returns the loss. Both without
/// weight, and without a region's part. room is left holding the probabilities of the classes. The derivative by
/// logit j is e_j − p_j · Σ e, with e_k that by log p_k; written as e_j · (1 − p_j) − p_j · (Σ e − e_j), it keeps its
/// relative accuracy where p_j is close to 1.
/// needs  room: 3 · classes. Loss: loss_function, or a type of a back end's with the same value_of and derivative_of
template <class Loss, class Real> OXBOW_DEVICE Real pixel_gradient(Loss const& loss, Real* logits, std::int64_t stride,
                                                                   int classes, int label, Real* room) {
  Real *const share = room, *const without = room + classes, *const logs = room + 2 * classes;
  Real most = logits[0];
  for (int k = 1; k < classes; ++k)
    if (logits[k * stride] > most) most = logits[k * stride];
  int top = 0;
  Real rest = 0, not_finite = 0;
  for (int k = 0; k < classes; ++k) {
    Real const x = logits[k * stride];
    not_finite += x - x;  // what is no number shows in the loss
    share[k] = std::exp(x - most);
    if (x == most) top = k;
  }
  for (int k = 0; k < classes; ++k)
    if (k != top) rest += share[k];
  Real const log_sum = std::log1p(rest), all = 1 + rest;
  for (int k = 0; k < classes; ++k) {
    Real others = 0;
    for (int j = 0; j < classes; ++j)
      if (j != k) others += share[j];
    without[k] = others / all;
    logs[k] = logits[k * stride] - most - log_sum;
  }
  for (int k = 0; k < classes; ++k) share[k] /= all;
  class_probabilities<Real> const p{share, without, logs, classes, label};
  Real sum = 0;
  for (int k = 0; k < classes; ++k) sum += logits[k * stride] = loss.derivative_of(p, k);
  for (int k = 0; k < classes; ++k) {
    Real const e = logits[k * stride];
    logits[k * stride] = e * without[k] - share[k] * (sum - e);
  }
  return loss.value_of(p) + not_finite;
}

}  // namespace oxbow
