// The loss of a pixel and its slopes, for whoever holds the logits in registers.
#pragma once
#include <cstdint>

#include <oxbow/core/image.hpp>
#include <oxbow/core/region_losses.hpp>

namespace oxbow::on_cuda {

/// A loss as device code calls it: through its address, by template.
template <loss_function const* L> struct device_loss {
  static constexpr float region_share = L->region_share;

  __device__ float value_of(class_probabilities<float> const& p) const {
    constexpr auto f = L->value;
    return f(p);
  }
  __device__ float derivative_of(class_probabilities<float> const& p, int k) const {
    constexpr auto f = L->derivative;
    return f(p, k);
  }
  __device__ float region_value_of(class_overlap<float> const& o) const {
    constexpr auto f = L->region.value;
    return f(o);
  }
  __device__ overlap_slope<float> region_derivative_of(class_overlap<float> const& o) const {
    constexpr auto f = L->region.derivative;
    return f(o);
  }
};

/// What the host knows of an ignored pixel, as a constant of device code.
inline constexpr int ignored_label = ignored;

/// Replaces the logits of a pixel by their gradient and returns the pixel's loss; nothing where it is ignored.
/// weight: of the pixel. share: 1 / labelled pixels. sums: what loss_overlap has made; null where there is no region
template <loss_function const* L, int Classes>
__device__ float pixel_slopes(float (&z)[Classes], int label, float weight, float share, float const* sums = nullptr) {
  if (label == ignored_label) {
#pragma unroll
    for (int k = 0; k < Classes; ++k) z[k] = 0;
    return 0;
  }
  device_loss<L> const of;
  float room[3 * Classes];
  float made = weight * share * pixel_gradient(of, z, 1, Classes, label, room);
#pragma unroll
  for (int k = 0; k < Classes; ++k) z[k] *= weight * share;
  if constexpr (L->region_share != 0) {
    overlap_slope<float> slopes[Classes];
    made += region_slopes(of, sums, Classes, slopes) * share;
    add_region_gradient(slopes, room, Classes, label, weight, z);
  }
  return made;
}

}  // namespace oxbow::on_cuda
