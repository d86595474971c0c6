// Softmax, weighted cross-entropy and the gradient of both on a patch of logits, and the sum of the pixels' losses.
#pragma once
#include <cub/block/block_reduce.cuh>

#include <oxbow/core/region_losses.hpp>
#include <oxbow/cuda/kernel/patch.cuh>

namespace oxbow::on_cuda {

/// Replaces logits by their gradient, times `scale`, and writes the loss of each pixel; see ops/loss.hpp.
/// Sums leave out what would cancel: the loss is log(1 + Σ exp of all but the largest) + (largest − the label's), two
/// terms that are never negative, and the gradient at the label is −Σ of the other classes' shares.
///
/// needs   logits hold all classes; labels and weights are stored tensors of one channel; outside of them a pixel is
///         `ignored`
/// cost    a thread does a pixel
inline __noinline__ __device__ void softmax_loss(patch const& logits, stored const& labels, stored const& weights,
                                                 std::byte const* arena, float per_pixel, float scale,
                                                 patch const& loss) {
  constexpr int ignored_label = 255;
  int const classes = logits.count;
  for_each(logits.where, 0, 1, [&](int, int z, int y, int x) {
    int const lz = z + labels.shift.depth, ly = y + labels.shift.height, lx = x + labels.shift.width;
    int const label = labels.size.contains(lz, ly, lx)
                          ? static_cast<int>(arena[labels.offset + labels.size.index(lz, ly, lx)])
                          : ignored_label;
    float* const l = &logits(0, z, y, x);
    if (label == ignored_label) {
      for (int k = 0; k < classes; ++k) l[k] = 0;
      loss(0, z, y, x) = 0;
      return;
    }
    float most = l[0];
    int which = 0;
    for (int k = 1; k < classes; ++k)
      if (l[k] > most) most = l[k], which = k;
    float const chosen = l[label];
    float rest = 0, others = 0;  // without the largest; without the label's
    for (int k = 0; k < classes; ++k) {
      float const e = expf(l[k] - most);
      if (k != which) rest += e;
      if (k != label) others += e;
      l[k] = e;
    }
    float const share = read(weights, arena, 0, z, y, x) * per_pixel;
    float const factor = share * scale / (1.f + rest);
    for (int k = 0; k < classes; ++k) l[k] = (k == label ? -others : l[k]) * factor;
    loss(0, z, y, x) = share * (log1pf(rest) + (most - chosen));
  });
}

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

/// The same for any loss. sums: what loss_overlap has made; null where the loss has no region.
template <loss_function const* L, int Classes>
__device__ void pixel_losses(patch const& logits, stored const& labels, stored const& weights, std::byte const* arena,
                             float per_pixel, float scale, patch const& loss, float const* sums) {
  constexpr int ignored_label = 255;
  device_loss<L> const of;
  for_each(logits.where, 0, 1, [&](int, int z, int y, int x) {
    int const lz = z + labels.shift.depth, ly = y + labels.shift.height, lx = x + labels.shift.width;
    int const label = labels.size.contains(lz, ly, lx)
                          ? static_cast<int>(arena[labels.offset + labels.size.index(lz, ly, lx)])
                          : ignored_label;
    float* const l = &logits(0, z, y, x);
    if (label == ignored_label) {
      for (int k = 0; k < Classes; ++k) l[k] = 0;
      loss(0, z, y, x) = 0;
      return;
    }
    float gradient[Classes], room[3 * Classes];
    for (int k = 0; k < Classes; ++k) gradient[k] = l[k];
    float const weight = read(weights, arena, 0, z, y, x);
    float made = weight * per_pixel * pixel_gradient(of, gradient, 1, Classes, label, room);
    for (int k = 0; k < Classes; ++k) gradient[k] *= weight * per_pixel;
    if constexpr (L->region_share != 0) {
      overlap_slope<float> slopes[Classes];
      made += region_slopes(of, sums, Classes, slopes) * per_pixel;
      add_region_gradient(slopes, room, Classes, label, weight, gradient);
    }
    for (int k = 0; k < Classes; ++k) l[k] = gradient[k] * scale;
    loss(0, z, y, x) = made;
  });
}

/// out[block] = the sum, in double, of that block's share of n floats. Launched over `parts` blocks and then, with
/// `doubles` set, over one block that adds the parts: the same bits every time.
struct sum_losses {
  static constexpr int threads = 256, parts = 32;
  using reduce = cub::BlockReduce<double, threads>;
  using storage = typename reduce::TempStorage;
  struct args {
    float const* floats;
    double const* doubles;
    std::int64_t count;
    double* out;
  };
  __device__ static void run(args const& a, storage& smem) {
    double sum = 0;
    std::int64_t const share = (a.count + gridDim.x - 1) / gridDim.x, begin = share * blockIdx.x;
    std::int64_t const end = begin + share < a.count ? begin + share : a.count;
    for (std::int64_t i = begin + threadIdx.x; i < end; i += threads)
      sum += a.doubles != nullptr ? a.doubles[i] : static_cast<double>(a.floats[i]);
    double const all = reduce(smem).Sum(sum);
    if (threadIdx.x == 0) a.out[blockIdx.x] = all;
  }
};

}  // namespace oxbow::on_cuda
