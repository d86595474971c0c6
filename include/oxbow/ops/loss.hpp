// Softmax and weighted cross-entropy in one, with its gradient.
#pragma once
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/losses.hpp>
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

/// The same with another loss of a pixel than cross-entropy.
template <std::floating_point Real>
loss_and_gradient<Real> softmax_loss(loss_function const& loss, tensor<Real> const& logits,
                                     std::vector<std::uint8_t> const& labels, tensor<Real> const& weights) {
  if (loss.plain) return softmax_cross_entropy(logits, labels, weights);
  auto r = softmax_cross_entropy(logits, labels, weights);  // looks for labels that are no class
  std::int64_t n = 0;
  for (std::uint8_t const l : labels) n += l != ignored;
  int const classes = logits.channels;
  std::vector<Real> of_pixel(static_cast<std::size_t>(classes)), room(3 * of_pixel.size());
  for_each_pixel(logits.size, [&](pixel p) {
    int const label = labels[static_cast<std::size_t>(index(logits.size, p))];
    if (label == ignored) return;
    for (int k = 0; k < classes; ++k) of_pixel[static_cast<std::size_t>(k)] = logits(k, p);
    Real const made = pixel_gradient(loss, of_pixel.data(), 1, classes, label, room.data());
    Real const share = weights(0, p) / static_cast<Real>(n);
    for (int k = 0; k < classes; ++k) r.gradient(k, p) = share * of_pixel[static_cast<std::size_t>(k)];
    r.loss(0, p) = share * made;
  });
  return r;
}

}  // namespace oxbow::ops
