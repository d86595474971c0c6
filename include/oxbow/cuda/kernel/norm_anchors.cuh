// What a norm and its gradient do to an octet, with factors that a block makes once.
#pragma once
#include <cub/warp/warp_reduce.cuh>

#include <oxbow/cuda/kernel/joined_octets.cuh>
#include <oxbow/cuda/kernel/norm_step.cuh>

namespace oxbow::on_cuda {

// An anchor is what a kernel does to an octet before its sink. Factors cost double precision and depend on the channel
// alone, so they lie in shared memory, row by row: row r of channel c at r · 8 · octets + c. An anchor has
//   floats  of shared memory per channel, rounded up to octets
//   make    __device__ void make(float* factors, int channels, int octets) const; all threads of the block call it. The
//           factors of the channels that rounding up adds are zero, and so is what becomes of them
//   at      what at(k, factors, octets) returns is called with an octet, like a step of a sink

/// x as it is: the sink does what there is to do.
struct as_it_is {
  static constexpr int floats = 0;
  struct channels {
    __device__ void operator()(octet&, spot) const {}
  };
  __device__ void make(float*, int, int) const {}
  __device__ channels at(int, float const*, int) const { return {}; }
};

namespace detail {

/// factors ← f(c), `Rows` floats for each channel c.
template <int Rows, class F> __device__ void make_factors(float* factors, int channels, int octets, F&& f) {
  for (int c = static_cast<int>(threadIdx.x); c < 8 * octets; c += static_cast<int>(blockDim.x)) {
    float row[Rows] = {};
    if (c < channels) f(c, row);
#pragma unroll
    for (int r = 0; r < Rows; ++r) factors[8 * octets * r + c] = row[r];
  }
  __syncthreads();
}
inline __device__ void take_factors(octet& f, float const* factors, int octets, int row, int k) {
#pragma unroll
  for (int i = 0; i < 8; ++i) f[i] = factors[8 * octets * row + k + i];
}

inline __device__ scaled_and_shifted take_scale_and_shift(float const* factors, int octets, int k) {
  scaled_and_shifted of;
  take_factors(of.a, factors, octets, 0, k);
  take_factors(of.b, factors, octets, 1, k);
  return of;
}

}  // namespace detail

/// A norm with the statistics of what it reads.
struct norm_anchor {
  static constexpr int floats = 2;
  float const *scale, *shift;
  float const* statistics;  ///< the means of the groups, then their inverse deviations
  int groups, members;      ///< channels of a group

  __device__ void make(float* factors, int channels, int octets) const {
    detail::make_factors<2>(factors, channels, octets, [&](int c, float (&f)[2]) {
      int const g = c / members;
      auto const n = ops::norm_factor_of(scale[c], shift[c], statistics[g], statistics[groups + g]);
      f[0] = n.a, f[1] = n.b;
    });
  }
  __device__ scaled_and_shifted at(int k, float const* factors, int octets) const {
    return detail::take_scale_and_shift(factors, octets, k);
  }
};

/// A norm with the statistics that training has kept.
struct norm_running_anchor {
  static constexpr int floats = 2;
  float const *scale, *shift, *mean, *variance;

  __device__ void make(float* factors, int channels, int octets) const {
    detail::make_factors<2>(factors, channels, octets, [&](int c, float (&f)[2]) {
      auto const n = ops::running_factor_of(scale[c], shift[c], mean[c], variance[c]);
      f[0] = n.a, f[1] = n.b;
    });
  }
  __device__ scaled_and_shifted at(int k, float const* factors, int octets) const {
    return detail::take_scale_and_shift(factors, octets, k);
  }
};

/// The gradient of a norm: what is read is the gradient of its result, and x its input, joined_octets.
///
/// A group's means are sums over its channels: taken by a warp, so that a norm over all channels waits for few of them.
template <class X> struct norm_grad_anchor {
  static constexpr int floats = 3 + 4;
  X x;
  float const* scale;
  float const* statistics;  ///< as for norm_anchor
  float const* sums;        ///< of norm_grad_statistics
  int groups, members, pixels;

  __device__ void make(float* factors, int channels, int octets) const {
    auto* const means = reinterpret_cast<ops::norm_grad_means*>(factors + 3 * 8 * octets);
    if (members > 1) make_means(means, channels);
    detail::make_factors<3>(factors, channels, octets, [&](int c, float (&f)[3]) {
      int const g = c / members;
      auto const m = members > 1 ? means[g] : ops::norm_grad_means_of(g, scale, sums, channels, groups, pixels);
      auto const n = ops::norm_grad_factor_of(scale[c], statistics[g], statistics[groups + g], m);
      f[0] = n.a, f[1] = n.b, f[2] = n.c;
    });
  }

  struct channels {
    typename X::channels x;
    octet a, b, c;
    __device__ void operator()(octet& v, spot p) const {
      octet s;
      x(s, p);
#pragma unroll
      for (int i = 0; i < 8; ++i) v[i] = fmaf(v[i], a[i], fmaf(s[i], b[i], c[i]));
    }
  };
  __device__ channels at(int k, float const* factors, int octets) const {
    channels of{x.at(k), {}, {}, {}};
    detail::take_factors(of.a, factors, octets, 0, k);
    detail::take_factors(of.b, factors, octets, 1, k);
    detail::take_factors(of.c, factors, octets, 2, k);
    return of;
  }

 private:
  __device__ void make_means(ops::norm_grad_means* means, int channels) const {
    using reduce = cub::WarpReduce<double>;
    typename reduce::TempStorage none;  // a whole warp needs no memory
    int const lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    double const n = static_cast<double>(pixels) * members;
    for (int g = warp; g < groups; g += static_cast<int>(blockDim.x) / 32) {
      double d = 0, dx = 0;
#pragma unroll 1  // few turns: others would cost the registers that the kernel needs later
      for (int c = g * members + lane; c < (g + 1) * members; c += 32) {
        dx += static_cast<double>(scale[c]) * static_cast<double>(sums[c]);
        d += static_cast<double>(scale[c]) * static_cast<double>(sums[channels + c]);
      }
      dx = reduce{none}.Sum(dx), d = reduce{none}.Sum(d);
      if (lane == 0) means[g] = {d / n, dx / n};
    }
    __syncthreads();
  }
};

}  // namespace oxbow::on_cuda
