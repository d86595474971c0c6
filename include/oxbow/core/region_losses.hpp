// Losses of a whole tile: functions of how each class overlaps with its prediction.
#pragma once
#include <concepts>

#include <oxbow/core/losses.hpp>

namespace oxbow {

/// Sums over the labelled pixels of a tile, of one class: of weight · p · t, of weight · p and of weight · t, where p
/// is the probability of the class and t is 1 where it is the label.
template <class Real> struct class_overlap { Real both, predicted, truth; };

/// How a value changes with the first two of them; the third is none of the network's.
template <class Real> struct overlap_slope { Real both, predicted; };

/// A struct with a value and a derivative of one class's overlap; the loss of a tile is the mean over the classes.
template <class L>
concept region_loss = requires(class_overlap<float> f, class_overlap<double> d) {
  { L::value(f) } -> std::same_as<float>;
  { L::value(d) } -> std::same_as<double>;
  { L::derivative(f) } -> std::same_as<overlap_slope<float>>;
  { L::derivative(d) } -> std::same_as<overlap_slope<double>>;
};

/// 1 − (both + s) / (both + Alpha · wrongly predicted + Beta · missed + s). Smooth, s, is a number of pixels: it makes
/// a class that neither is there nor is predicted cost nothing.
/// source  Salehi et al., Tversky loss function for image segmentation. MLMI 2017
template <real Alpha = 0.3f, real Beta = 0.7f, real Smooth = 1.f> struct tversky {
  static_assert(float{Alpha} > 0 && float{Beta} > 0 && float{Smooth} > 0,
                "tversky: Alpha, Beta and Smooth must be above 0.");

  template <class Real> static constexpr OXBOW_DEVICE Real value(class_overlap<Real> const& o) {
    return 1 - (o.both + smooth<Real>) / below(o);
  }
  template <class Real> static constexpr OXBOW_DEVICE overlap_slope<Real> derivative(class_overlap<Real> const& o) {
    Real const d = below(o), ratio = (o.both + smooth<Real>) / d;
    return {-(1 - ratio * (1 - alpha<Real> - beta<Real>)) / d, ratio * alpha<Real> / d};
  }

 private:
  template <class Real> static constexpr Real alpha = static_cast<Real>(float{Alpha});
  template <class Real> static constexpr Real beta = static_cast<Real>(float{Beta});
  template <class Real> static constexpr Real smooth = static_cast<Real>(float{Smooth});
  template <class Real> static constexpr OXBOW_DEVICE Real below(class_overlap<Real> const& o) {
    return o.both + alpha<Real> * (o.predicted - o.both) + beta<Real> * (o.truth - o.both) + smooth<Real>;
  }
};

/// Soft Dice, 1 − (2·both + 2s) / (predicted + truth + 2s): Tversky's loss with both sides alike.
/// source  Milletari et al., V-Net. 3DV 2016, with p in place of p²
template <real Smooth = 1.f> struct dice : tversky<real(0.5f), real(0.5f), Smooth> {};

/// A region loss beside a loss of a pixel: (1 − Share) · mean of Pixel + Share · Region. dice_and_cross_entropy is half
/// of each. A region loss alone is minimised as it is: minimise<dice<>>.
template <pixel_loss Pixel, region_loss Region, real Share = 0.5f> struct with_region {};
using dice_and_cross_entropy = with_region<cross_entropy, dice<>>;

namespace detail {

/// The pixel part of a region loss alone.
struct no_pixel_loss {
  template <class Real> static OXBOW_DEVICE Real value(class_probabilities<Real> const&) { return 0; }
  template <class Real> static OXBOW_DEVICE Real derivative(class_probabilities<Real> const&, int) { return 0; }
};
template <pixel_loss L, real Factor> struct scaled {
  template <class Real> static OXBOW_DEVICE Real value(class_probabilities<Real> const& p) {
    return static_cast<Real>(factor) * L::value(p);
  }
  template <class Real> static OXBOW_DEVICE Real derivative(class_probabilities<Real> const& p, int k) {
    return static_cast<Real>(factor) * L::derivative(p, k);
  }

 private:
  static constexpr float factor{Factor};
};

template <pixel_loss Pixel, region_loss Region> constexpr loss_function regional(float share) {
  loss_function f = loss_of<Pixel>::self;
  f.plain = false;
  f.region = {&Region::template value<float>, &Region::template derivative<float>};
  f.exact_region = {&Region::template value<double>, &Region::template derivative<double>};
  f.region_share = share;
  return f;
}

}  // namespace detail

template <region_loss L> requires(!pixel_loss<L>) struct loss_of<L> {
  static constexpr loss_function self = detail::regional<detail::no_pixel_loss, L>(1);
};
template <class Pixel, class Region, real Share> struct loss_of<with_region<Pixel, Region, Share>> {
  static constexpr loss_function self =
      detail::regional<detail::scaled<Pixel, real(1 - float{Share})>, Region>(float{Share});
};

/// Factor · L, of a pixel or of a region: the loss of an output that counts more or less than another.
template <class L, real Factor> struct weighted_loss {};
template <pixel_loss L, real Factor> struct loss_of<weighted_loss<L, Factor>> {
  static constexpr loss_function self = loss_of<detail::scaled<L, Factor>>::self;
};
template <region_loss L, real Factor> requires(!pixel_loss<L>) struct loss_of<weighted_loss<L, Factor>> {
  static constexpr loss_function self = detail::regional<detail::no_pixel_loss, L>(float{Factor});
};
template <class Pixel, class Region, real Share, real Factor>
struct loss_of<weighted_loss<with_region<Pixel, Region, Share>, Factor>> {
  static constexpr loss_function self =
      detail::regional<detail::scaled<Pixel, real((1 - float{Share}) * float{Factor})>, Region>(float{Share} *
                                                                                              float{Factor});
};

/// The slopes of a region's loss by the probabilities of one pixel of weight 1, from the sums of all classes:
/// for class k, slopes[k].both at the label and slopes[k].predicted everywhere. Returns the loss.
/// shapes  sums: both, predicted and truth of class 0, then of class 1, …
/// Loss: as for pixel_gradient, with region_share, region_value_of and region_derivative_of
template <class Loss, class Real>
OXBOW_DEVICE Real region_slopes(Loss const& loss, Real const* sums, int classes, overlap_slope<Real>* slopes) {
  Real const each = static_cast<Real>(loss.region_share) / static_cast<Real>(classes);
  Real value = 0;
  for (int k = 0; k < classes; ++k) {
    class_overlap<Real> const o{sums[3 * k], sums[3 * k + 1], sums[3 * k + 2]};
    overlap_slope<Real> const s = loss.region_derivative_of(o);
    slopes[k] = {each * s.both, each * s.predicted};
    value += each * loss.region_value_of(o);
  }
  return value;
}

/// Adds to the gradients of one pixel's logits what a region's slopes make of them, times `weight`:
/// p_j · (u_j − Σ p_k · u_k) with u_k the slope by p_k.
template <class Real>
OXBOW_DEVICE void add_region_gradient(overlap_slope<Real> const* slopes, Real const* probabilities, int classes,
                                      int label, Real weight, Real* gradient) {
  auto const slope = [&](int k) { return slopes[k].predicted + (k == label ? slopes[k].both : Real{0}); };
  for (int j = 0; j < classes; ++j) {
    Real sum = 0;  // of differences, so that nothing cancels where one class has all
    for (int k = 0; k < classes; ++k) sum += probabilities[k] * (slope(j) - slope(k));
    gradient[j] += weight * probabilities[j] * sum;
  }
}

/// What `minimise` takes.
template <class L>
concept any_loss = requires { { loss_of<L>::self } -> std::same_as<loss_function const&>; };

}  // namespace oxbow
