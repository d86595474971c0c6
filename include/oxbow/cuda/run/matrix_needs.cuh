// What the steps on tensor cores need of their program: packed weights, memory, the last pass over their sums.
#pragma once
#include <algorithm>
#include <functional>
#include <vector>

#include <oxbow/cuda/kernel/finish_job.cuh>
#include <oxbow/cuda/kernel/pack_weights.cuh>
#include <oxbow/cuda/run/run_context.cuh>
#include <oxbow/lower/plan.hpp>

namespace oxbow::on_cuda {

/// Collected while the steps are prepared, before there is any memory.
template <class T> struct matrix_needs {
  parameter const* parameters;            ///< the program's
  std::vector<pack_job> packs{};
  std::vector<std::function<finish_job(run_context const&)>> finishes{};
  std::int64_t packed_bytes = 0, left_floats = 0, shared_floats = 0, counters = 0;
  int pack_blocks = 0;

  /// A place in the packed memory for one tensor; returns its bytes from the beginning.
  std::int64_t pack(pack_job job) {
    job.first_block = pack_blocks, job.to = packed_bytes;
    pack_blocks += job.blocks();
    packed_bytes += (job.bytes<T>() + 255) / 256 * 256;
    packs.push_back(job);
    return job.to;
  }
  /// The weights of an instruction.
  std::int64_t pack_weights_of(instruction const& i, packing const& order) {
    pack_job job{.order = order, .from = parameters[i.parameter].offset};
    absorb(job, i);
    return pack(job);
  }
  /// Its bias, with zeros up to `width`.
  std::int64_t pack_bias_of(instruction const& i, int width) {
    pack_job job{.rows = 1, .columns = i.out_channels, .width = width, .from = parameters[i.parameter + 1].offset};
    absorb(job, i);
    return pack(job);
  }
  /// Room for the sums of tiles that several blocks share, and counters of these blocks: for one launch at a time.
  void share(std::int64_t floats, std::int64_t tiles) {
    shared_floats = std::max(shared_floats, floats), counters = std::max(counters, tiles);
  }
  /// Room for floats that the last pass adds up.
  std::int64_t leave(std::int64_t floats) {
    std::int64_t const at = left_floats;
    left_floats += (floats + 63) / 64 * 64;
    return at;
  }

 private:
  void absorb(pack_job& job, instruction const& i) const {
    if (i.folded == none) return;
    job.scale = parameters[i.folded].offset, job.shift = parameters[i.folded + 1].offset;
    job.mean = parameters[i.folded + 2].offset, job.variance = parameters[i.folded + 3].offset;
  }
};

}  // namespace oxbow::on_cuda
