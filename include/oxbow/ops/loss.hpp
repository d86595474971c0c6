// Softmax and weighted cross-entropy in one, with its gradient.
#pragma once
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/region_losses.hpp>
#include <oxbow/core/wording.hpp>
#include <oxbow/ops/tensor.hpp>

namespace oxbow::ops {

/// The gradient of the loss with respect to the logits, and how much each pixel adds to the loss.
template <std::floating_point Real> struct loss_and_gradient {
  tensor<Real> gradient;  ///< classes × size
  tensor<Real> loss;      ///< 1 × size; the loss is the sum over the pixels
};

/// With softmax s[k](p) = exp(x[k](p)) / Σ_j exp(x[j](p)), and n pixels whose label is not `ignored`:
/// loss(p) = −weight(p) / n · log s[label(p)](p) and gradient[k](p) = weight(p) / n · (s[k](p) − [k = label(p)]).
/// An ignored pixel has loss and gradient zero, whatever its weight. n does not depend on the weights: a pixel with
/// twice the weight counts twice as much as before, also where all weights are doubled.
/// The largest logit is subtracted before exp, so that no logit overflows.
///
/// shapes  logits: classes × size; labels and weights: 1 × size
/// errors  a label that is neither a class nor `ignored`
/// source  Ronneberger et al. 2015, equation 1, divided by the number of pixels
template <std::floating_point Real>
loss_and_gradient<Real> softmax_cross_entropy(tensor<Real> const& logits, std::vector<std::uint8_t> const& labels,
                                              tensor<Real> const& weights) {
  int const classes = logits.channels;
  std::int64_t n = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == ignored) continue;
    if (labels[i] >= classes)
      throw std::runtime_error("loss: the label at " + place_text(logits.size, static_cast<std::int64_t>(i)) + " is " +
                               std::to_string(labels[i]) + ", but the network has " + std::to_string(classes) +
                               " classes: map the labels to 0 … " + std::to_string(classes - 1) +
                               " or 255 (ignored).");
    ++n;
  }
  loss_and_gradient<Real> r{{logits.size, classes}, {logits.size, 1}};
  for_each_pixel(logits.size, [&](pixel p) {
    int const label = labels[static_cast<std::size_t>(index(logits.size, p))];
    if (label == ignored) return;
    double most = logits(0, p), sum = 0;
    for (int k = 1; k < classes; ++k) most = std::fmax(most, double{logits(k, p)});
    for (int k = 0; k < classes; ++k) sum += std::exp(logits(k, p) - most);
    double const share = weights(0, p) / static_cast<double>(n);
    for (int k = 0; k < classes; ++k)
      r.gradient(k, p) = static_cast<Real>(share * (std::exp(logits(k, p) - most) / sum - (k == label)));
    r.loss(0, p) = static_cast<Real>(share * (std::log(sum) - (logits(label, p) - most)));
  });
  return r;
}

/// Softmax of one pixel's logits.
template <std::floating_point Real> void softmax_of(tensor<Real> const& logits, pixel p, Real* share) {
  Real most = logits(0, p), sum = 0;
  for (int k = 1; k < logits.channels; ++k) most = std::fmax(most, logits(k, p));
  for (int k = 0; k < logits.channels; ++k) sum += share[k] = std::exp(logits(k, p) - most);
  for (int k = 0; k < logits.channels; ++k) share[k] /= sum;
}

/// Of each class k, over the pixels that are not ignored: Σ weight · s[k] · [k = label], Σ weight · s[k] and
/// Σ weight · [k = label], with s the softmax.
/// shapes  → 3 · classes channels of one pixel
template <std::floating_point Real>
tensor<Real> loss_overlap(tensor<Real> const& logits, std::vector<std::uint8_t> const& labels,
                          tensor<Real> const& weights) {
  std::vector<double> sums(3 * static_cast<std::size_t>(logits.channels), 0.);
  std::vector<Real> share(static_cast<std::size_t>(logits.channels));
  for_each_pixel(logits.size, [&](pixel p) {
    int const label = labels[static_cast<std::size_t>(index(logits.size, p))];
    if (label == ignored) return;
    softmax_of(logits, p, share.data());
    for (std::size_t k = 0; k < share.size(); ++k) {
      double const w = static_cast<double>(weights(0, p)), s = static_cast<double>(share[k]);
      bool const is = static_cast<int>(k) == label;
      sums[3 * k] += is ? w * s : 0, sums[3 * k + 1] += w * s, sums[3 * k + 2] += is ? w : 0;
    }
  });
  tensor<Real> made{{1, 1, 1}, static_cast<int>(sums.size())};
  for (std::size_t i = 0; i < sums.size(); ++i) made.data[i] = static_cast<Real>(sums[i]);
  return made;
}

/// The same with any loss: that of a pixel as above, and a region's from its sums, shared out evenly over the labelled
/// pixels. sums: loss_overlap, or empty where the loss has no region.
template <std::floating_point Real>
loss_and_gradient<Real> softmax_loss(loss_function const& loss, tensor<Real> const& logits,
                                     std::vector<std::uint8_t> const& labels, tensor<Real> const& weights,
                                     std::vector<Real> const& sums = {}) {
  auto r = softmax_cross_entropy(logits, labels, weights);  // looks for labels that are no class, too
  if (loss.plain) return r;
  int const classes = logits.channels;
  std::int64_t n = 0;
  for (std::uint8_t const l : labels) n += l != ignored;
  std::vector<overlap_slope<Real>> slopes(static_cast<std::size_t>(classes));
  Real const region = loss.regional() ? region_slopes(loss, sums.data(), classes, slopes.data()) : Real{0};
  std::vector<Real> of_pixel(static_cast<std::size_t>(classes)), room(3 * of_pixel.size());
  for_each_pixel(logits.size, [&](pixel p) {
    int const label = labels[static_cast<std::size_t>(index(logits.size, p))];
    if (label == ignored) return;
    for (int k = 0; k < classes; ++k) of_pixel[static_cast<std::size_t>(k)] = logits(k, p);
    Real const made = pixel_gradient(loss, of_pixel.data(), 1, classes, label, room.data());
    Real const share = weights(0, p) / static_cast<Real>(n);
    for (Real& g : of_pixel) g *= share;
    if (loss.regional())
      add_region_gradient(slopes.data(), room.data(), classes, label, weights(0, p), of_pixel.data());
    for (int k = 0; k < classes; ++k) r.gradient(k, p) = of_pixel[static_cast<std::size_t>(k)];
    r.loss(0, p) = share * made + region / static_cast<Real>(n);
  });
  return r;
}

}  // namespace oxbow::ops
