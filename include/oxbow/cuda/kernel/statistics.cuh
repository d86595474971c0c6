// Sums over the pixels of stored tensors, per channel: what norms, their gradients and the gradient of a bias need.
#pragma once
#include <cub/warp/warp_reduce.cuh>

#include <oxbow/cuda/kernel/pixel_loss.cuh>
#include <oxbow/cuda/kernel/run_scalars.cuh>
#include <oxbow/cuda/kernel/squares.cuh>
#include <oxbow/cuda/kernel/stored.cuh>
#include <oxbow/ops/normalisation.hpp>

namespace oxbow::on_cuda {

/// out(part, sum, channel) = Terms over that part of the pixels, in double. A block does sixteen channels, a block of
/// the layout, so that each sector that it reads is used whole; threads beside one another take neighbouring channels.
/// The parts are added in their order by one of the kernels below: the same bits whatever runs first.
///
/// Terms   has `sums` and __device__ void operator()(int c, int z, int y, int x, double (&terms)[sums]) const
/// cost    reads its tensors once
template <class Terms> struct channel_sums {
  static constexpr int lanes = layout::block, groups = 16, threads = lanes * groups, sums = Terms::sums;
  using reduce = cub::WarpReduce<double, groups>;
  struct storage {
    double sum[lanes][groups + 1];
    typename reduce::TempStorage temporary[lanes];
  };
  struct args {
    Terms terms;
    extent size;
    int channels, parts;
    double* out;
  };

  __device__ static void run(args const& a, storage& smem) {
    int const t = static_cast<int>(threadIdx.x), block = static_cast<int>(blockIdx.x) / a.parts,
              part = static_cast<int>(blockIdx.x) % a.parts, lane = t % lanes, group = t / lanes;
    int const c = block * lanes + lane;
    std::int64_t const pixels = a.size.volume(), begin = pixels * part / a.parts, end = pixels * (part + 1) / a.parts;
    double sum[sums] = {}, term[sums];
    if (c < a.channels)
      for (std::int64_t p = begin + group; p < end; p += groups) {
        int const x = static_cast<int>(p % a.size.width);
        std::int64_t const row = p / a.size.width;
        a.terms(c, static_cast<int>(row / a.size.height), static_cast<int>(row % a.size.height), x, term);
        for (int s = 0; s < sums; ++s) sum[s] += term[s];
      }
    for (int s = 0; s < sums; ++s) {
      smem.sum[lane][group] = sum[s];
      __syncthreads();
      double const all = reduce(smem.temporary[t / groups]).Sum(smem.sum[t / groups][t % groups]);
      int const channel = block * lanes + t / groups;
      if (t % groups == 0 && channel < a.channels) a.out[(std::int64_t{part} * sums + s) * a.channels + channel] = all;
      __syncthreads();
    }
  }
};

/// dy.
struct bias_terms {
  static constexpr int sums = 1;
  joined dy;
  std::byte const* arena;
  __device__ void operator()(int c, int z, int y, int x, double (&t)[1]) const {
    t[0] = static_cast<double>(dy(arena, c, z, y, x));
  }
};

/// Deviations from the channel's first pixel, and their squares: values may be large where deviations are not.
struct moment_terms {
  static constexpr int sums = 2;
  joined x;
  std::byte const* arena;
  __device__ void operator()(int c, int z, int y, int u, double (&t)[2]) const {
    double const d = static_cast<double>(x(arena, c, z, y, u)) - static_cast<double>(x(arena, c, 0, 0, 0));
    t[0] = d, t[1] = d * d;
  }
};

/// dy · (x − mean), and dy.
struct norm_grad_terms {
  static constexpr int sums = 2;
  joined dy, x;
  std::byte const* arena;
  float const* statistics;  ///< the means of the groups first
  int members;              ///< channels of a group
  __device__ void operator()(int c, int z, int y, int u, double (&t)[2]) const {
    double const d = static_cast<double>(dy(arena, c, z, y, u));
    t[0] = d * (static_cast<double>(x(arena, c, z, y, u)) - static_cast<double>(statistics[c / members])), t[1] = d;
  }
};

/// Of class c: weight · share where it is the label, weight · share, and weight where it is the label.
struct overlap_terms {
  static constexpr int sums = 3;
  joined logits;
  stored const *labels, *weights;
  std::byte const* arena;
  int classes;
  __device__ void operator()(int c, int z, int y, int u, double (&t)[3]) const {
    t[0] = t[1] = t[2] = 0;
    int const label = static_cast<int>(arena[labels->offset + labels->size.index(z, y, u)]);
    if (label == ignored_label) return;
    float most = logits(arena, 0, z, y, u), sum = 0;
    for (int k = 1; k < classes; ++k) most = fmaxf(most, logits(arena, k, z, y, u));
    for (int k = 0; k < classes; ++k) sum += expf(logits(arena, k, z, y, u) - most);
    double const by = static_cast<double>(read(*weights, arena, 0, z, y, u));
    double const s = by * static_cast<double>(expf(logits(arena, c, z, y, u) - most)) / static_cast<double>(sum);
    t[0] = c == label ? s : 0, t[1] = s, t[2] = c == label ? by : 0;
  }
};

namespace detail {

inline __device__ double add_parts(double const* sums, int parts, int each, int s, int channels, int c) {
  double sum = 0;
  for (int p = 0; p < parts; ++p) sum += sums[(std::int64_t{p} * each + s) * channels + c];
  return sum;
}

}  // namespace detail

/// out(3 · class + sum), from the sums of overlap_terms. A thread does a class.
struct finish_overlap {
  static constexpr int threads = 64;
  struct storage {};
  struct args {
    double const* sums;
    int parts, classes;
    float* out;
  };
  __device__ static void run(args const& a, storage&) {
    int const c = static_cast<int>(blockIdx.x * threads + threadIdx.x);
    for (int s = 0; s < 3 && c < a.classes; ++s)
      a.out[3 * c + s] = static_cast<float>(detail::add_parts(a.sums, a.parts, 3, s, a.classes, c));
  }
};

/// Bias gradients from the sums of bias_terms. A thread does a channel.
struct finish_bias_grad {
  static constexpr int threads = 128;
  using measure = squares<threads>;
  using storage = typename measure::storage;
  struct args {
    double const* sums;
    int parts, channels;
    float* out;
    run_scalars const* run;
    double* squares;  ///< of the gradients that each block writes
  };
  __device__ static void run(args const& a, storage& memory) {
    int const c = static_cast<int>(blockIdx.x * threads + threadIdx.x);
    double written = 0;
    if (c < a.channels)
      written = measure::of(a.run->add_gradient(a.out[c], detail::add_parts(a.sums, a.parts, 1, 0, a.channels, c)));
    measure::leave(written, a.squares + blockIdx.x, memory);
  }
};

/// Mean and 1 / √(variance + ε) of each group, from the sums of moment_terms; moves running statistics where given.
struct finish_norm_statistics {
  static constexpr int threads = 64;
  struct storage {};
  struct args {
    double const* sums;
    joined x;
    std::byte const* arena;
    std::int64_t pixels;
    int parts, channels, groups;
    float* out;
    float *running_mean, *running_variance;  ///< or null
  };
  __device__ static void run(args const& a, storage&) {
    int const g = static_cast<int>(blockIdx.x * threads + threadIdx.x), members = a.channels / a.groups;
    if (g >= a.groups) return;
    double count = 0, mean = 0, squares = 0;
    double const n = static_cast<double>(a.pixels);
    for (int c = g * members; c < (g + 1) * members; ++c) {
      double const first = detail::add_parts(a.sums, a.parts, 2, 0, a.channels, c),
                   second = detail::add_parts(a.sums, a.parts, 2, 1, a.channels, c);
      double const its_mean = static_cast<double>(a.x(a.arena, c, 0, 0, 0)) + first / n;
      double its_squares = second - first * first / n;
      its_squares = its_squares < 0 ? 0 : its_squares;  // a NaN stays one
      // Chan, Golub and LeVeque 1983, equation 2.1
      double const total = count + n, apart = its_mean - mean;
      mean += apart * (n / total);
      squares += its_squares + apart * apart * (count * n / total);
      count = total;
    }
    a.out[g] = static_cast<float>(mean);
    a.out[a.groups + g] = static_cast<float>(1 / sqrt(squares / count + ops::norm_epsilon));
    if (a.running_mean == nullptr) return;
    move(a.running_mean[g], mean);
    move(a.running_variance[g], squares / (count > 2 ? count - 1 : 1.));
  }

 private:
  __device__ static void move(float& old, double to) {
    old = static_cast<float>((1 - ops::norm_momentum) * static_cast<double>(old) + ops::norm_momentum * to);
  }
};

/// The sums over the pixels of dy · x̂ and of dy, from those of norm_grad_terms; into the gradients as well.
struct finish_norm_grad {
  static constexpr int threads = 128;
  using measure = squares<threads>;
  using storage = typename measure::storage;
  struct args {
    double const* sums;
    int parts, channels, groups;
    float const* statistics;
    float* out;  ///< null where nobody reads the sums
    float *scale_gradient, *shift_gradient;
    run_scalars const* run;
    double* squares;  ///< of the gradients that each block writes
  };
  __device__ static void run(args const& a, storage& memory) {
    int const c = static_cast<int>(blockIdx.x * threads + threadIdx.x);
    measure::leave(c < a.channels ? written(a, c) : 0., a.squares + blockIdx.x, memory);
  }

 private:
  __device__ static double written(args const& a, int c) {
    double const inverse = static_cast<double>(a.statistics[a.groups + c / (a.channels / a.groups)]);
    double const dx = detail::add_parts(a.sums, a.parts, 2, 0, a.channels, c) * inverse,
                 d = detail::add_parts(a.sums, a.parts, 2, 1, a.channels, c);
    if (a.out != nullptr) a.out[c] = static_cast<float>(dx), a.out[a.channels + c] = static_cast<float>(d);
    return measure::of(a.run->add_gradient(a.scale_gradient[c], dx)) +
           measure::of(a.run->add_gradient(a.shift_gradient[c], d));
  }
};

}  // namespace oxbow::on_cuda
