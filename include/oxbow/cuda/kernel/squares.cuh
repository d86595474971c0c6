// The length of the gradient is taken where gradients are written: each block leaves the sum of its squares.
#pragma once
#include <cub/block/block_reduce.cuh>

namespace oxbow::on_cuda {

/// The sum of the squares of what the threads of a block have written, in double, in a place of the block's own: parts
/// of a sum that gradient_norm adds in a fixed order. Where gradients add up, the last run's parts are what counts.
template <int Threads> struct squares {
  using reduce = cub::BlockReduce<double, Threads>;
  using storage = typename reduce::TempStorage;

  static __device__ double of(float x) { return static_cast<double>(x) * static_cast<double>(x); }
  /// Called by all threads; mine: the sum over what this thread has written.
  static __device__ void leave(double mine, double* part, storage& s) {
    double const all = reduce(s).Sum(mine);
    if (threadIdx.x == 0) *part = all;
  }
};

}  // namespace oxbow::on_cuda
