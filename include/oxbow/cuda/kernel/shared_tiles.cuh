// Tiles that do not fill a round of blocks: cut along the reduction, their sums added in a fixed order.
#pragma once
#include <cstdint>

#include <oxbow/cuda/tune/conv_tile.hpp>

namespace oxbow::on_cuda {

/// Tiles [0, split) come first and are cut into chunks: unit u is chunk u % chunks of tile u / chunks, and block b has
/// the units [first(b), first(b + 1)). The tiles after them are whole, one per block and round, so that adding the
/// partial sums overlaps with whole tiles.
///
/// Proof that no block waits and no sum is lost: a block that has a part of a tile leaves its sums in a slot of its own
/// (two slots suffice: its units are consecutive and at most its first and its last tile are partial, unless a tile
/// lies wholly within its units, which it finishes alone), makes them visible (fence, then barrier) and counts itself
/// in. The one that finds all others counted reads every slot, in order of the blocks: the same bits whoever it is.
/// The counter is left at zero for the next launch.
template <int Tiles, int Grid, int Chunks, int Threads, int Sums> struct shared_tiles {
  static constexpr int split = tune::split_tiles(Tiles, Grid, Chunks);
  static constexpr int work = split * Chunks;
  static_assert(work == 0 || work >= Grid, "conv_3x3: every block needs a chunk of the shared tiles. "
                                             "Take a smaller grid.");
  static constexpr int slot_floats = Sums * Threads;
  static constexpr std::int64_t workspace_floats = split ? std::int64_t{2} * Grid * slot_floats : 0;

  __device__ static int first(int block) { return static_cast<int>(static_cast<long long>(block) * work / Grid); }
  __device__ static int owner(int unit) {
    return work ? static_cast<int>((static_cast<long long>(unit + 1) * Grid - 1) / (work ? work : 1)) : 0;
  }

  /// Leaves this block's sums of a tile; true for the block that arrives last, whose sums are then those of the tile.
  template <int M, int N>
  __device__ static bool last_to_arrive(float (&acc)[M][N][4], float* partial, unsigned* arrived, int tile, int block,
                                        unsigned& shared_flag) {
    static_assert(M * N * 4 == Sums);
    int const from = owner(tile * Chunks), to = owner(tile * Chunks + Chunks - 1);
    auto const slot = [&](int b) {
      return reinterpret_cast<float4*>(partial) +
             (2ll * b + (first(b) / Chunks != tile)) * (slot_floats / 4) + threadIdx.x;
    };
    float4* const mine = slot(block);
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int n = 0; n < N; ++n)
        mine[(m * N + n) * Threads] = {acc[m][n][0], acc[m][n][1], acc[m][n][2], acc[m][n][3]};
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) shared_flag = atomicAdd(arrived + tile, 1u);
    __syncthreads();
    if (shared_flag != static_cast<unsigned>(to - from)) return false;
    __threadfence();
    for (int b = from; b <= to; ++b) {
      float4 const* const theirs = slot(b);
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
    if (threadIdx.x == 0) arrived[tile] = 0;
    return true;
  }
};

}  // namespace oxbow::on_cuda
