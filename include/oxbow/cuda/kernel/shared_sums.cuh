// Sums of one tile that several blocks have made: added by the last of them to arrive, in a fixed order.
#pragma once
#include <cstdint>

namespace oxbow::on_cuda {

/// Proof that no block waits and no sum is lost: a block leaves its sums in a slot of its own, makes them visible
/// (fence, then barrier) and counts itself in. The one that finds all others counted reads every slot, in the order of
/// the blocks: the same bits whoever it is. The counter is left at zero for the next launch.
///
/// A slot holds M · N float4 of each thread, in the order of its sums.
template <int Threads, int M, int N> struct shared_sums {
  static constexpr int slot_floats = 4 * M * N * Threads;

  /// slot(b): where thread 0's first float4 of block b lies. Blocks from … to share the tile, `block` is this one.
  /// True for the block that arrives last, whose sums are then those of the tile.
  template <class Slot>
  __device__ static bool last_to_arrive(float (&acc)[M][N][4], Slot const& slot, int from, int to, int block,
                                        unsigned* counter, unsigned& shared_flag) {
    float4* const mine = slot(block) + threadIdx.x;
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int n = 0; n < N; ++n)
        mine[(m * N + n) * Threads] = {acc[m][n][0], acc[m][n][1], acc[m][n][2], acc[m][n][3]};
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) shared_flag = atomicAdd(counter, 1u);
    __syncthreads();
    if (shared_flag != static_cast<unsigned>(to - from)) return false;
    __threadfence();
    for (int b = from; b <= to; ++b) {
      float4 const* const theirs = slot(b) + threadIdx.x;
#pragma unroll
      for (int m = 0; m < M; ++m)
#pragma unroll
        for (int n = 0; n < N; ++n) {
          float4 const v = __ldcg(theirs + (m * N + n) * Threads);
          auto& c = acc[m][n];
          if (b == from) c[0] = v.x, c[1] = v.y, c[2] = v.z, c[3] = v.w;
          else c[0] += v.x, c[1] += v.y, c[2] += v.z, c[3] += v.w;
        }
    }
    if (threadIdx.x == 0) *counter = 0;
    return true;
  }
};

}  // namespace oxbow::on_cuda
