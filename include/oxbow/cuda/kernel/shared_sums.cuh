// Sums of one tile that several blocks have made: added by the last of them to arrive, in a fixed order.
#pragma once
#include <cstdint>

namespace oxbow::on_cuda {

/// A block leaves its sums in a slot of its own, makes them visible (fence, then barrier) and counts itself in. The one
/// that finds all others counted adds up, in the order of the blocks: the same bits whoever it is. It waits for nobody.
/// One that finds them counted beforehand leaves its sums nowhere: the first or second in that order keeps them in
/// registers, since a sum of two does not depend on their order, another in shared memory until it is their turn. The
/// counter is left at zero for the next launch.
///
/// A slot holds M · N float4 of each thread, in the order of its sums.
template <int Threads, int M, int N> struct shared_sums {
  static constexpr int slot_floats = 4 * M * N * Threads;
  using accumulators = float[M][N][4];

  /// slot(b): where thread 0's first float4 of block b lies. Blocks from … to share the tile, `block` is this one.
  /// room: shared memory that is free meanwhile, which it takes if it is large enough for a slot.
  /// True for the block that arrives last, whose sums are then those of the tile.
  template <class Slot, int Room>
  __device__ static bool last_to_arrive(accumulators& acc, Slot const& slot, int from, int to, int block,
                                        unsigned* counter, unsigned& shared_flag, unsigned char (&room)[Room]) {
    constexpr bool fits = Room >= slot_floats * static_cast<int>(sizeof(float));
    unsigned const others = static_cast<unsigned>(to - from);
    if (threadIdx.x == 0) shared_flag = *static_cast<unsigned volatile*>(counter);
    __syncthreads();
    bool const kept = shared_flag == others && (fits || block <= from + 1), put_by = kept && block > from + 1;
    if (!kept) {
      leave(acc, slot(block) + threadIdx.x);
      __threadfence();
      __syncthreads();
      if (threadIdx.x == 0) shared_flag = atomicAdd(counter, 1u);
      __syncthreads();
      if (shared_flag != others) return false;
    }
    __threadfence();
    auto* const mine = reinterpret_cast<float4*>(room) + threadIdx.x;
    if constexpr (fits)
      if (put_by) leave(acc, mine);
    if (!kept || put_by) each(acc, slot(from) + threadIdx.x, [](float& sum, float its) { sum = its; });
    int const there = kept && !put_by ? block : from;
    for (int b = from; b <= to; ++b) {
      if (b == there) continue;
      auto const add = [](float& sum, float its) { sum += its; };
      if (fits && put_by && b == block) each<false>(acc, mine, add);
      else each(acc, slot(b) + threadIdx.x, add);
    }
    if (put_by) __syncthreads();  // the room is free again
    if (threadIdx.x == 0) *counter = 0;
    return true;
  }

  /// The same where many may share a tile: `fan` neighbours add up, then as many of their sums, and so on, so that no
  /// block adds a hundred. A group's sum lies in the slot of its first member.
  ///
  /// slot(i): of the tile's i-th block of `count`; counter(level, i): of the group that begins with it, on each level
  template <class Slot, class Counter, int Room>
  __device__ static bool last_of_many(accumulators& acc, Slot const& slot, int count, int mine, Counter const& counter,
                                      unsigned& shared_flag, unsigned char (&room)[Room]) {
    for (int level = 0, stride = 1; count > 1; ++level, stride *= fan, mine /= fan, count = (count + fan - 1) / fan) {
      int const from = mine / fan * fan, to = min(from + fan, count) - 1;
      if (from == to) continue;
      __syncthreads();  // nobody reads the flag any more
      if (!last_to_arrive(acc, [&](int b) { return slot(b * stride); }, from, to, mine, counter(level, from * stride),
                          shared_flag, room))
        return false;
    }
    return true;
  }
  static constexpr int fan = 6;
  /// Levels for so many blocks.
  static constexpr int levels(int blocks) { return blocks <= 1 ? 0 : 1 + levels((blocks + fan - 1) / fan); }

 private:
  __device__ static void leave(accumulators const& acc, float4* mine) {
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int n = 0; n < N; ++n)
        mine[(m * N + n) * Threads] = {acc[m][n][0], acc[m][n][1], acc[m][n][2], acc[m][n][3]};
  }
  /// f(sum, what was left of it): in global memory, by another multiprocessor perhaps, or in shared memory
  template <bool Global = true, class F>
  __device__ static void each(accumulators& acc, float4 const* left, F const& f) {
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int n = 0; n < N; ++n) {
        float4 const* const at = left + (m * N + n) * Threads;
        float4 const v = Global ? __ldcg(at) : *at;
        f(acc[m][n][0], v.x), f(acc[m][n][1], v.y), f(acc[m][n][2], v.z), f(acc[m][n][3], v.w);
      }
  }
};

}  // namespace oxbow::on_cuda
