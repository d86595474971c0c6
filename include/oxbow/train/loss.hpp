// What a pixel weighs in the loss.
#pragma once
#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>

#include <oxbow/core/sample.hpp>

namespace oxbow {

/// The loss of a tile is  1/n · Σ_x w(x) · c(l(x)) · −log p_l(x)(x),  over the n pixels x that are not
/// ignored, with w the weight of a pixel and c that of its class; its formula and gradient are in
/// ops/loss.hpp. The paper (equation 1) sums without 1/n, which ties the rate to the size of the
/// tile; PyTorch divides by the sum of the class weights, which lets a tile full of heavy borders
/// count no more than an empty one.
///
/// Kernels know one weight per pixel: this folds the class weights into it.
/// needs  labels below class_weights.size(), or ignored; tile.weights as many as labels
inline void fold_class_weights(std::span<float const> class_weights, sample& tile) {
  if (class_weights.empty()) return;
  for (std::size_t i = 0; i < tile.labels.data.size(); ++i)
    if (auto const label = tile.labels.data[i]; label != ignored) tile.weights.data[i] *= class_weights[label];
}

/// Throws std::invalid_argument unless there is one weight per class, or none at all.
inline void require_class_weights(std::span<float const> class_weights, int classes) {
  if (class_weights.empty()) return;
  if (class_weights.size() != static_cast<std::size_t>(classes))
    throw std::invalid_argument("train: there are " + std::to_string(class_weights.size()) +
                                " class weights, the model has " + std::to_string(classes) +
                                " classes; give one weight per class, or none.");
  for (std::size_t k = 0; k < class_weights.size(); ++k)
    if (!(std::isfinite(class_weights[k]) && class_weights[k] >= 0))
      throw std::invalid_argument("train: the weight of class " + std::to_string(k) + " is " +
                                  std::to_string(class_weights[k]) + "; it must be finite and not negative.");
}

}  // namespace oxbow
