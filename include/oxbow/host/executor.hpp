// A program's one arena, its packed weights, and the loop over its steps. What a step needs for itself lies where the
// arena has room meanwhile, or behind.
#pragma once
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <oxbow/host/engine.hpp>
#include <oxbow/host/merge.hpp>
#include <oxbow/host/step.hpp>
#include <oxbow/host/step_weights.hpp>
#include <oxbow/host/tables.hpp>
#include <oxbow/lower/model.hpp>

namespace oxbow::on_host {

/// Runs one program. repack: weights are packed for every run, each step's when it runs, and not kept.
template <class Program, class Arch, tuning Tuned = tuning{}> class executor final : public engine {
  using t = tables<Program>;

 public:
  executor(thread_pool& pool, bool repack) : pool_{pool}, repack_{repack} {
    prepare(std::make_integer_sequence<int, t::steps>{});
    std::int64_t arena_bytes = Program::peak_bytes, packed = 0;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      prepared_step& s = steps_[i];
      if (repack_) packed = 0;
      weights_.lay_out(s, packed);
      s.thread_floats = (s.thread_floats + 2 * layout::block + 15) / 16 * 16;
      spare_room left = t::spare.items[i];
      if (repack_) s.packed = take(left, packed);
      s.shared = take(left, s.shared_floats);
      s.scratch = take(left, s.thread_floats * pool_.size());
      arena_bytes = std::max(arena_bytes, left.end);
    }
    arena_ = memory{arena_bytes, "activations"};
    if (!repack_) packed_ = memory{packed * 4, "packed weights"};
  }

  std::int64_t bytes() const override { return arena_.bytes() + packed_.bytes(); }
  std::byte* arena() const override { return arena_.data(); }

  void pack_all(float const* parameters) override {
    if (repack_) return;
    for (auto const& s : steps_) weights_.pack(s, parameters, packed_of(s));
  }

  void run(float* parameters, float* gradients, random_key key, float label_factor, bool accumulate) override {
    run(parameters, gradients, key, label_factor, accumulate, [](int) {});
  }
  /// watch(step) is called after each step.
  template <class Watch>
  void run(float* parameters, float* gradients, random_key key, float label_factor, bool accumulate, Watch&& watch) {
    run_context c{.pool = pool_,
                  .arena = arena_.data(),
                  .parameters = parameters,
                  .gradients = gradients,
                  .table = t::parameters.items,
                  .key = key,
                  .label_factor = label_factor,
                  .accumulate = accumulate};
    for (int i = 0; i < t::steps; ++i) {
      prepared_step const& s = steps_[static_cast<std::size_t>(i)];
      c.packed = packed_of(s), c.shared = floats_at(s.shared);
      c.scratch = floats_at(s.scratch), c.thread_floats = s.thread_floats;
      if (repack_) weights_.pack(s, parameters, packed_of(s));
      runs_[static_cast<std::size_t>(i)](s, c);
      watch(i);
    }
  }

 private:
  template <int... I> void prepare(std::integer_sequence<int, I...>) {
    steps_.resize(t::steps);
    for (int i = 0; i < t::steps; ++i) {
      prepared_step& s = steps_[static_cast<std::size_t>(i)];
      s.what = t::whole.steps.items[i].what;
      s.instructions = instructions_.data() + t::first_of(i);
      s.operands = t::operands.items;
    }
    (merge<merged_with<Program>(I, Tuned)>(), ...);
    (prepare_step<I>(), ...);
  }
  /// The up-convolution makes its part of the next convolution, which then has the other channels alone.
  template <merged_steps Both> void merge() {
    if constexpr (Both.up != none) {
      prepared_step &up = steps_[Both.up], &next = steps_[Both.next];
      instruction &enlarges = instructions_[static_cast<std::size_t>(t::first_of(Both.up))],
                  &adds = instructions_[static_cast<std::size_t>(t::first_of(Both.next))];
      for (int a = 1; a < 3; ++a) enlarges.out_size[a] = adds.out_size[a];
      up.fast[0] = Both.tile, up.merged = &adds;
      next.added = next.operands + adds.in[0].first + --adds.in[0].count;
      adds.in_channels -= enlarges.out_channels;
    }
  }
  /// Equal forms name the same kernel, so each is instantiated once.
  template <int I> void prepare_step() {
    constexpr form what = t::whole.steps.items[I].what;
    step_kernel<what, Arch, Tuned>::prepare(steps_[I], pool_.size(), repack_);
    runs_.push_back(&step_kernel<what, Arch, Tuned>::run);
  }

  /// A place in the arena for what lives no longer than its step: in the gap, else behind all that is alive.
  static std::int64_t take(spare_room& left, std::int64_t floats) {
    std::int64_t const bytes = (floats * 4 + buffer_alignment - 1) / buffer_alignment * buffer_alignment;
    bool const fits = bytes <= left.bytes;
    std::int64_t const place = fits ? left.offset : left.end;
    if (fits) left.offset += bytes, left.bytes -= bytes;
    else left.end += bytes;
    return place;
  }
  float* floats_at(std::int64_t offset) const { return reinterpret_cast<float*>(arena_.data() + offset); }
  float* packed_of(prepared_step const& s) const { return repack_ ? floats_at(s.packed) : packed_.floats(); }

  thread_pool& pool_;
  bool repack_;
  step_weights<Arch, Tuned.winograd> weights_{pool_, t::parameters.items};
  std::vector<instruction> instructions_{t::instructions.items, t::instructions.items + t::instruction_count};
  std::vector<prepared_step> steps_;
  std::vector<void (*)(prepared_step const&, run_context const&)> runs_;
  memory arena_, packed_;
};

/// That of one of a model's programs, for what this file is compiled for.
template <class Model, class Program>
using executor_of = executor<Program, native, tuning{Model::largest_fast_tile, Model::fast_tolerance}>;

}  // namespace oxbow::on_host
