// What changes from one run of a program to the next: in device memory, so that a captured graph need not change.
#pragma once
#include <cstdint>

#include <oxbow/core/random_key.hpp>

namespace oxbow::on_cuda {

struct run_scalars {
  std::uint64_t seed = 0;
  std::uint32_t step = 0, sample = 0;
  float label_factor = 0;        ///< 1 / labelled pixels
  int accumulate = 0;            ///< gradients are added to what is there
  float const* scale = nullptr;  ///< what the gradient of the logits is multiplied by; null: 1

  __device__ random_key key() const { return {seed, step, sample}; }
  __device__ float loss_scale() const { return scale == nullptr ? 1.f : *scale; }
  /// Writes or adds a gradient, whichever the run says, with the loss scale taken out, and returns what it has become.
  /// The scale is a power of two.
  __device__ float add_gradient(float& to, double sum) const {
    double const g = sum / static_cast<double>(loss_scale());
    return to = static_cast<float>(accumulate ? static_cast<double>(to) + g : g);
  }
  /// The same with sums in single precision. unscale: 1 / loss_scale()
  static __device__ float add_gradient(float& to, float sum, bool add, float unscale) {
    return to = (add ? to : 0.f) + sum * unscale;
  }
};

}  // namespace oxbow::on_cuda
