// What steps need of their program: packed weights, memory, the last pass over their sums.
#pragma once
#include <algorithm>
#include <functional>
#include <stdexcept>
#include <vector>

#include <oxbow/cuda/kernel/conv_3x3_grad_weight.cuh>
#include <oxbow/cuda/kernel/conv_window_grad_weight.cuh>
#include <oxbow/cuda/kernel/finish_job.cuh>
#include <oxbow/cuda/kernel/parameter_job.cuh>
#include <oxbow/cuda/run/run_context.cuh>
#include <oxbow/lower/plan.hpp>

namespace oxbow::on_cuda {

/// The parameters that learn, each tensor a job; those with packed copies come first.
struct parameter_jobs {
  std::vector<parameter_job> jobs;
  std::vector<packed_copy> copies;
  int packing = 0, packing_blocks = 0;  ///< jobs that have copies, and their blocks
  int blocks = 0;                       ///< of all
};

/// Layers whose gradients of weights wait for a launch together.
template <class Job> struct gathered_jobs {
  std::vector<stream_job> stream{};
  std::vector<std::function<Job(run_context const&)>> jobs{};

  void add(stream_job const& s, std::function<Job(run_context const&)> job) {
    stream.push_back(s);
    jobs.push_back(std::move(job));
  }
};

/// Collected while the steps are prepared, before there is any memory.
template <class T> struct program_needs {
  parameter const* parameters;  ///< the program's
  explicit program_needs(parameter const* of_program) : parameters{of_program} {}

  std::vector<std::function<finish_job(run_context const&)>> finishes{};
  gathered_jobs<grad_job<T>> gathered_3x3{};        ///< for the next launches of gathered_gradients
  gathered_jobs<window_grad_job<T>> gathered_windows[2][2]{};  ///< (small or large tiles, any or dense)
  std::vector<std::function<void(run_context const&, std::byte*)>> tables{};  ///< each writes itself: see table()
  std::int64_t table_bytes = 0;
  std::int64_t packed_bytes = 0, left_floats = 0, shared_floats = 0, counters = 0;
  std::int64_t squares = 0;  ///< parts of the gradient's length, a double each
  int finish_blocks = 0;

  /// A place in the packed memory for the weights of an instruction; returns its bytes from the beginning.
  std::int64_t pack_weights_of(instruction const& i, packing const& order) {
    return pack(i, i.parameter, {.order = order});
  }
  /// For them as rows of floats, with zeros up to `width`.
  std::int64_t pack_rows_of(instruction const& i, int width) { return pack(i, i.parameter, {.width = width}); }
  /// For the bias, with zeros up to `width`.
  std::int64_t pack_bias_of(instruction const& i, int width) { return pack(i, i.parameter + 1, {.width = width}); }

  parameter_jobs jobs(int parameter_count) const {
    parameter_jobs all;
    for (bool with_copies : {true, false})
      for (int p = 0; p < parameter_count; ++p) {
        if (!is_trained(parameters[p].is)) continue;
        parameter_job job = job_of(p);
        job.first_copy = static_cast<int>(all.copies.size()), job.first_block = all.blocks;
        for (use const& u : uses_) {
          if (u.parameter != p) continue;
          packed_copy copy = u.copy;
          copy.octets = copy.width == 0 && job.in_octets_of(copy.order);
          if (with_copies) all.copies.push_back(copy);
          ++job.copies;
        }
        if ((job.copies > 0) != with_copies) continue;
        all.blocks += job.blocks();
        all.jobs.push_back(job);
        if (with_copies) all.packing_blocks = all.blocks, ++all.packing;
      }
    return all;
  }

  /// Room for the sums of tiles that several blocks share, and counters of these blocks: for one launch at a time.
  void share(std::int64_t floats, std::int64_t tiles) {
    shared_floats = std::max(shared_floats, floats), counters = std::max(counters, tiles);
  }
  /// Room for a table that is uploaded once: returns its bytes from the beginning of all. write(context, there)
  template <class Write> std::int64_t table(std::int64_t bytes, Write write) {
    std::int64_t const at = table_bytes;
    table_bytes += (bytes + 255) / 256 * 256;
    tables.push_back([at, write](run_context const& c, std::byte* all) { write(c, all + at); });
    return at;
  }
  /// Something for the last pass to do, with so many blocks.
  void finish(int blocks, std::function<finish_job(run_context const&)> job) {
    finish_blocks += blocks;
    finishes.push_back(std::move(job));
  }
  /// Room for the squares of the gradients that so many blocks write.
  std::int64_t measure(std::int64_t blocks) {
    squares += blocks;
    return squares - blocks;
  }
  /// Room for floats that the last pass adds up.
  std::int64_t leave(std::int64_t floats) {
    std::int64_t const at = left_floats;
    left_floats += (floats + 63) / 64 * 64;
    return at;
  }

 private:
  struct use {
    int parameter, folded;  ///< the norm that the copy absorbs; none: nothing
    packed_copy copy;
  };

  /// A step that is computed twice, for want of memory, reads the copy that the first one has asked for.
  std::int64_t pack(instruction const& i, int parameter, packed_copy copy) {
    for (use const& u : uses_)
      if (u.parameter == parameter && u.folded == i.folded && u.copy.width == copy.width &&
          u.copy.order == copy.order)
        return u.copy.to;
    copy.to = packed_bytes;
    packed_bytes += (copy.bytes<T>(rows_of(parameter)) + 255) / 256 * 256;
    uses_.push_back({parameter, i.folded, copy});
    return copy.to;
  }
  int rows_of(int p) const { return parameters[p].is == role::weight ? parameters[p].rows : 1; }
  /// Without its copies.
  parameter_job job_of(int p) const {
    parameter_job job{.rows = rows_of(p), .first = static_cast<int>(parameters[p].count() / rows_of(p))};
    for (use const& u : uses_) {
      if (u.parameter != p) continue;
      if (u.copy.width == 0) {
        parameter_job const other = parameter_job::of(u.copy.order);
        if (job.taps == 0) job = other;
        if (other.rows != job.rows || other.columns() != job.columns() || other.taps != job.taps)
          throw std::logic_error("two orders of one tensor do not agree on its shape");
      }
      if (u.folded == none) continue;
      job.scale = parameters[u.folded].offset, job.shift = parameters[u.folded + 1].offset;
      job.mean = parameters[u.folded + 2].offset, job.variance = parameters[u.folded + 3].offset;
    }
    job.from = parameters[p].offset, job.is_bias = parameters[p].is == role::bias;
    return job;
  }

  std::vector<use> uses_{};
};

}  // namespace oxbow::on_cuda
