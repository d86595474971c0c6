// A loss and its gradient on a patch of logits.
#pragma once
#include <oxbow/cuda/kernel/patch.cuh>
#include <oxbow/cuda/kernel/pixel_loss.cuh>

namespace oxbow::on_cuda {

/// Replaces logits by their gradient, times `scale`, and writes the loss of each pixel; see ops/loss.hpp.
///
/// needs   logits hold all classes; labels and weights are stored tensors of one channel; outside of them a pixel is
///         ignored. sums: what loss_overlap has made; null where no region is minimised
/// cost    a thread does a pixel
template <loss_function const* L, int Classes>
__device__ void pixel_losses(patch const& logits, stored const& labels, stored const& weights, std::byte const* arena,
                             float share, float scale, patch const& loss, float const* sums) {
  for_each(logits.where, 0, 1, [&](int, int z, int y, int x) {
    int const lz = z + labels.shift.depth, ly = y + labels.shift.height, lx = x + labels.shift.width;
    int const label = labels.size.contains(lz, ly, lx)
                          ? static_cast<int>(arena[labels.offset + labels.size.index(lz, ly, lx)])
                          : ignored_label;
    float* const l = &logits(0, z, y, x);
    float slope[Classes];
    for (int k = 0; k < Classes; ++k) slope[k] = l[k];
    float const weight = label == ignored_label ? 0.f : read(weights, arena, 0, z, y, x);
    loss(0, z, y, x) = pixel_slopes<L, Classes>(slope, label, weight, share, sums);
    for (int k = 0; k < Classes; ++k) l[k] = slope[k] * scale;
  });
}

}  // namespace oxbow::on_cuda
