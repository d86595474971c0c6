// A norm with running statistics as a step behind other kernels.
#pragma once
#include <oxbow/cuda/kernel/finish.cuh>
#include <oxbow/ops/norm_factors.hpp>

namespace oxbow::on_cuda {

/// x · a + b: what a norm does to eight channels, once its statistics are known. The channels that rounding up adds
/// have zeros here, and so become zero.
struct scaled_and_shifted {
  octet a, b;
  __device__ void operator()(octet& v, spot) const {
#pragma unroll
    for (int i = 0; i < 8; ++i) v[i] = fmaf(v[i], a[i], b[i]);
  }
};

/// A norm with the statistics that training has kept and that no weights absorb, since it is behind a sum, say. A
/// thread makes its eight factors, in double, once for many pixels.
struct norm_running_step {
  float const *scale, *shift, *mean, *variance;
  int channel_count;  ///< without padding
  using channels = scaled_and_shifted;
  __device__ channels at(int k) const {
    channels all{};
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      int const c = k + i;
      if (c >= channel_count) continue;
      auto const n = ops::running_factor_of(scale[c], shift[c], mean[c], variance[c]);
      all.a[i] = n.a, all.b[i] = n.b;
    }
    return all;
  }
};

}  // namespace oxbow::on_cuda
