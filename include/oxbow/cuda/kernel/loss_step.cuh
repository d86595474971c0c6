// The loss and its gradient as a step behind a convolution to at most eight classes.
#pragma once
#include <oxbow/cuda/kernel/finish.cuh>
#include <oxbow/cuda/kernel/pixel_loss.cuh>

namespace oxbow::on_cuda {

/// Logits → their gradient, times a scale that lies on the device; the loss of the pixel goes to memory.
template <loss_function const* L, int Classes> struct lose {
  std::uint8_t const* labels;    ///< (height, width)
  float const* pixel_weights;    ///< (height, width)
  float const* share;            ///< one over the number of pixels that take part
  float const* scale;            ///< may be null: 1
  float* pixel_loss;             ///< (height, width)
  int width;
  struct channels {
    lose const& of;
    __device__ void operator()(octet& v, spot p) const {
      if (!p.inside) return;
      std::int64_t const pixel = static_cast<std::int64_t>(p.y) * of.width + p.x;
      float z[Classes];
#pragma unroll
      for (int i = 0; i < Classes; ++i) z[i] = v[i];
      of.pixel_loss[pixel] = pixel_slopes<L, Classes>(z, of.labels[pixel], of.pixel_weights[pixel], *of.share);
      float const factor = of.scale ? *of.scale : 1.f;
#pragma unroll
      for (int i = 0; i < 8; ++i) v[i] = i < Classes ? z[i < Classes ? i : 0] * factor : 0.f;
    }
  };
  __device__ channels at(int) const { return {*this}; }
};

}  // namespace oxbow::on_cuda
