// Tiles that do not fill a round of blocks: cut along the reduction, their sums added in a fixed order.
#pragma once
#include <cstdint>

#include <oxbow/cuda/kernel/shared_sums.cuh>
#include <oxbow/cuda/tune/conv_tile.hpp>

namespace oxbow::on_cuda {

/// Tiles [0, split) come first and are cut into chunks: unit u is chunk u % chunks of tile u / chunks, and block b has
/// the units [first(b), first(b + 1)). The tiles after them are whole, one per block and round, so that adding the
/// partial sums overlaps with whole tiles.
///
/// Two slots for each block suffice (see shared_sums.cuh): its units are consecutive and at most its first and its last
/// tile are partial, unless a tile lies wholly within its units, which it finishes alone.
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

  /// Chunks [from, to) of a tile.
  struct part {
    int tile, from, to;
    __device__ bool is_whole() const { return to - from == Chunks; }
  };
  /// What a block does as its number-th: its units, tile by tile, then whole tiles. Beyond its last, no tile there is.
  __device__ static part share(int block, int number) {
    int const begin = first(block), end = first(block + 1), tile = begin / Chunks + number;
    int const from = tile * Chunks;
    if (split > 0 && from < end) return {tile, max(begin - from, 0), min(end - from, Chunks)};
    int const shared = split > 0 ? (end - 1) / Chunks - begin / Chunks + 1 : 0;
    return {split + block + (number - shared) * Grid, 0, Chunks};
  }

  /// Leaves this block's sums of a tile; true for the block that arrives last, whose sums are then those of the tile.
  template <int M, int N, int Room>
  __device__ static bool last_to_arrive(float (&acc)[M][N][4], float* partial, unsigned* arrived, int tile, int block,
                                        unsigned& shared_flag, unsigned char (&room)[Room]) {
    static_assert(M * N * 4 == Sums);
    auto const slot = [&](int b) {
      return reinterpret_cast<float4*>(partial) + (2ll * b + (first(b) / Chunks != tile)) * (slot_floats / 4);
    };
    return shared_sums<Threads, M, N>::last_to_arrive(acc, slot, owner(tile * Chunks),
                                                      owner(tile * Chunks + Chunks - 1), block, arrived + tile,
                                                      shared_flag, room);
  }
};

}  // namespace oxbow::on_cuda
