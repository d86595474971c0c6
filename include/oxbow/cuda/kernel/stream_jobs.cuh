// A kernel that works through its share of a stream of tiles, and adds up with the blocks that have a part of the same.
#pragma once
#include <oxbow/cuda/arch/thread.cuh>
#include <oxbow/cuda/kernel/run_scalars.cuh>
#include <oxbow/cuda/kernel/shared_sums.cuh>
#include <oxbow/cuda/tune/stream_k.hpp>

namespace oxbow::on_cuda {

/// What such a kernel is launched with.
template <class Job> struct stream_args {
  Job const* jobs;
  stream_segment const* segments;
  int const* first_of;     ///< of each block, in segments; and their end
  int count;               ///< of blocks
  float* slots;            ///< of sums: two for each block
  unsigned* arrived;       ///< counters, zero
  run_scalars const* run;
};

/// Kernel is a struct with threads, fragments (how many products' sums a thread has), a storage with a `job`, a
/// `flag` and the `stages` of its pipeline, and
///   begin(storage, tile)                      what threads ask of the job in shared memory, for this tile
///   accumulate(sums, segment, storage)        adds the segment's patches
///   finish(sums, tile, run_scalars, storage)  called by the block that has the sums of a whole tile
/// All threads call each of them together.
template <class Kernel, class Job, int Threads, int Fragments> struct stream_jobs {
  using args = stream_args<Job>;
  using sums = float[Fragments][1][4];
  using adding = shared_sums<Threads, Fragments, 1>;

  static int blocks(args const& a) { return a.count; }
  static std::int64_t slot_floats(int blocks) { return std::int64_t{2} * blocks * adding::slot_floats; }
  static std::int64_t counters(int blocks) { return std::int64_t{2} * blocks * adding::levels(blocks); }

  template <class Storage> __device__ static void run(args const& a, Storage& memory) {
    // the end is read anew: kept it would be one more than the registers hold
#pragma unroll 1
    for (int number = a.first_of[blockIdx.x]; number < a.first_of[ptx::block_index() + 1]; ++number) {
      __syncthreads();  // nobody needs what is in shared memory
      auto const* const from = reinterpret_cast<unsigned const*>(a.jobs + a.segments[number].job);
      for (int i = threadIdx.x; i < static_cast<int>(sizeof(Job) / 4); i += Threads)
        reinterpret_cast<unsigned*>(&memory.job)[i] = from[i];
      __syncthreads();
      Kernel::begin(memory, a.segments[number].tile);
      __syncthreads();
      sums acc = {};
      Kernel::accumulate(acc, a.segments[number], memory);
      // read anew: kept until here it would be more than the registers hold
      if (has_all(acc, a, a.segments[number], memory))
        Kernel::finish(acc, a.segments[number].tile, *a.run, memory);
    }
  }

 private:
  /// Adds up with the others; true for the one block that has the sums of the whole tile then.
  template <class Storage>
  __device__ static bool has_all(sums& acc, args const& a, stream_segment const& now, Storage& memory) {
    int const first = now.first, count = now.last - first + 1;
    // A block goes on with one tile of others at most, its first, and leaves one to others, its last.
    auto const place = [&](int i) { return 2 * (first + i) + (i == 0 ? 1 : 0); };
    auto const slot = [&](int i) {
      return reinterpret_cast<float4*>(a.slots) + static_cast<std::int64_t>(place(i)) * (adding::slot_floats / 4);
    };
    auto const counter = [&](int level, int i) { return a.arrived + level * 2 * a.count + place(i); };
    return adding::last_of_many(acc, slot, count, ptx::block_index() - first, counter, memory.flag,
                                memory.stages);
  }
};

}  // namespace oxbow::on_cuda
