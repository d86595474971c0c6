// A norm with running statistics as a step behind other kernels.
#pragma once
#include <oxbow/cuda/kernel/finish.cuh>
#include <oxbow/ops/norm_factors.hpp>

namespace oxbow::on_cuda {

/// x · a + b with the statistics that training has kept: a norm that no weights absorb, since it is behind a sum, say.
/// The channels that rounding up adds become zero. A thread makes its eight factors, in double, once for many pixels.
struct normalise {
  float const *scale, *shift, *mean, *variance;
  int channels_all;  ///< without padding
  struct channels {
    octet a, b;
    __device__ void operator()(octet& v, spot) const {
#pragma unroll
      for (int i = 0; i < 8; ++i) v[i] = fmaf(v[i], a[i], b[i]);
    }
  };
  __device__ channels at(int k) const {
    channels all{};
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      int const c = k + i;
      if (c >= channels_all) continue;
      auto const n = ops::running_factor_of(scale[c], shift[c], mean[c], variance[c]);
      all.a[i] = n.a, all.b[i] = n.b;
    }
    return all;
  }
};

}  // namespace oxbow::on_cuda
