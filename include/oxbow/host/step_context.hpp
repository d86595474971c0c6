// What a step is given when it runs.
#pragma once
#include <cstdint>

#include <oxbow/core/random_key.hpp>
#include <oxbow/host/geometry.hpp>
#include <oxbow/host/memory.hpp>
#include <oxbow/host/threads.hpp>

namespace oxbow::on_host {

/// Shared by all steps of one run of a program.
struct run_context {
  thread_pool& pool;
  std::byte* arena;
  float* parameters;           ///< running statistics are written
  float* gradients;            ///< null in a program that does not learn
  parameter const* table;      ///< of the parameters' tensors
  // Of the step that runs:
  float const* packed = nullptr;   ///< weights and biases as it wants them
  float* scratch = nullptr;        ///< of all threads
  std::int64_t thread_floats = 0;  ///< scratch of each
  float* shared = nullptr;         ///< scratch of reductions
  random_key key{};
  float label_factor = 0;   ///< 1 / labelled pixels
  bool accumulate = false;  ///< gradients are added to what is there

  float* scratch_of(int thread) const { return scratch + thread * thread_floats; }
  float* parameter_at(int tensor) const { return parameters + table[tensor].offset; }
};

/// One step of a plan as it was prepared for the host.
struct prepared_step {
  static constexpr int most_ops = 12;

  form what{};
  instruction const* instructions = nullptr;
  operand const* operands = nullptr;
  step_tiles tiles{};
  int fast[most_ops]{};              ///< of each convolution, the tile of Winograd's algorithm; 0: direct
  int shares = 1;                    ///< of the anchor's channels: each tile of each share is a piece of work
  int first_channel[most_ops]{};     ///< of what each op makes: not 0 in a share (step_share.hpp)
  instruction const* merged = nullptr;  ///< of an up-convolution: the convolution that it is merged with (merge.hpp)
  operand const* added = nullptr;    ///< of that convolution: what the up-convolution has made for it
  bool by_panel = false;             ///< are the anchor's transformed weights made in each box?
  bool packs_in_boxes = false;       ///< and of the parameter itself, which nobody has packed?
  std::int64_t weights[most_ops]{};  ///< floats, in the packed memory, of each convolution
  std::int64_t biases[most_ops]{};
  std::int64_t thread_floats = 0, shared_floats = 0;
  std::int64_t packed = 0, scratch = 0, shared = 0;  ///< bytes, in the arena: weights made for this run, scratch
};

}  // namespace oxbow::on_host
