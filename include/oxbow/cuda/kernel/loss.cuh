// Softmax, weighted cross-entropy and the gradient of both on a patch of logits, and the sum of the pixels' losses.
#pragma once
#include <cub/block/block_reduce.cuh>

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
