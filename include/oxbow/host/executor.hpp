// A program's one arena, its packed weights, and the loop over its steps. What a step needs for itself lies where the
// arena has room meanwhile, or behind.
#pragma once
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <oxbow/host/engine.hpp>
#include <oxbow/host/step.hpp>
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
      lay_out_weights(s, packed);
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
    for (auto const& s : steps_) pack(s, parameters);
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
      if (repack_) pack(s, parameters);
      runs_[static_cast<std::size_t>(i)](s, c);
      watch(i);
    }
  }

 private:
  template <int... I> void prepare(std::integer_sequence<int, I...>) {
    steps_.resize(t::steps);
    (prepare_step<I>(), ...);
  }
  /// Equal forms name the same kernel, so each is instantiated once.
  template <int I> void prepare_step() {
    constexpr form what = t::whole.steps.items[I].what;
    prepared_step& s = steps_[I];
    s.what = what;
    s.instructions = t::instructions.items + t::first_of(I);
    s.operands = t::operands.items;
    step_kernel<what, Arch, Tuned>::prepare(s, pool_.size());
    runs_.push_back(&step_kernel<what, Arch, Tuned>::run);
  }

  /// Weights and biases of a step's convolutions, from `packed` on, which is moved behind them.
  static void lay_out_weights(prepared_step& s, std::int64_t& packed) {
    for (int i = 0; i < s.what.count; ++i) {
      if (!reads_weights(s.instructions[i].kind)) continue;
      weight_use const u = weights_of(s.instructions[i], t::parameters.items);
      s.weights[i] = packed, packed += weight_floats(s.by_panel ? 0 : s.fast[i], u);
      s.biases[i] = packed, packed += packed_weights<Arch>::panels(u.outputs()) * packed_weights<Arch>::panel;
    }
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

  void pack(prepared_step const& s, float const* parameters) {
    float* const packed = packed_of(s);
    for (int i = 0; i < s.what.count; ++i) {
      instruction const& o = s.instructions[i];
      if (!reads_weights(o.kind)) continue;
      weight_use const u = weights_of(o, t::parameters.items);
      bool const biased = o.kind == op_kind::convolve || o.kind == op_kind::up_convolve;
      float* const bias = packed + s.biases[i];
      int const padded = packed_weights<Arch>::panels(u.outputs()) * packed_weights<Arch>::panel;
      for (int k = 0; k < padded; ++k)
        bias[k] = biased && k < u.outputs() ? parameters[t::parameters.items[o.parameter + 1].offset + k] : 0.f;
      std::vector<float> factor;
      if (o.folded != none) fold(o, u.outputs(), parameters, factor, bias);
      pack_weights(s.by_panel ? 0 : s.fast[i], u, parameters + t::parameters.items[o.parameter].offset,
                   factor.empty() ? nullptr : factor.data(), packed + s.weights[i]);
    }
  }

  static std::int64_t weight_floats(int fast, weight_use const& u) {
    std::int64_t floats = packed_weights<Arch>::floats(u);
    if constexpr (Tuned.winograd >= 2) if (fast == 2) floats = winograd_weights<Arch, 2>::floats(u);
    if constexpr (Tuned.winograd >= 4) if (fast == 4) floats = winograd_weights<Arch, 4>::floats(u);
    if constexpr (Tuned.winograd >= 6) if (fast == 6) floats = winograd_weights<Arch, 6>::floats(u);
    return floats;
  }
  void pack_weights(int fast, weight_use const& u, float const* from, float const* factor, float* to) {
    using plain = packed_weights<Arch>;
    int const panels = plain::panels(u.outputs()), blocks = layout::blocks(u.inputs());
    // Some neighbouring blocks in turn, since what is read is asked for one block ahead.
    constexpr int run = 8;
    int const runs = (blocks + run - 1) / run;
    auto const for_each_block = [&](auto const& f) {
      pool_.run(std::int64_t{panels} * runs, [&](int, std::int64_t i) {
        int const first = static_cast<int>(i % runs) * run;
        for (int b = first; b < std::min(first + run, blocks); ++b) f(static_cast<int>(i / runs), b);
      });
    };
    auto const transformed = [&]<int Tile>() {
      using weights = winograd_weights<Arch, Tile>;
      for_each_block([&](int panel, int block) {
        alignas(64) float taps[layout::block * 9 * plain::panel];
        plain::pack_block(from, u, panel, block, factor, taps);
        weights::transform(taps, u.inputs(), block, to + panel * weights::panel_floats(u.inputs()));
      });
    };
    if constexpr (Tuned.winograd >= 2) if (fast == 2) return transformed.template operator()<2>();
    if constexpr (Tuned.winograd >= 4) if (fast == 4) return transformed.template operator()<4>();
    if constexpr (Tuned.winograd >= 6) if (fast == 6) return transformed.template operator()<6>();
    for_each_block([&](int panel, int block) { plain::pack(from, u, panel, block, factor, to); });
  }

  /// A batch norm behind the convolution: y = (w·x + b − mean) · scale / √(variance + ε) + shift.
  static void fold(instruction const& o, int outputs, float const* parameters, std::vector<float>& factor,
                   float* bias) {
    auto const at = [&](int k) { return parameters + t::parameters.items[o.folded + k].offset; };
    factor.resize(static_cast<std::size_t>(layout::blocks(outputs) * layout::block));
    std::vector<float> offset(factor.size());
    running_factors(at(0), at(1), at(2), at(3), outputs, factor.data(), offset.data());
    for (int k = 0; k < outputs; ++k)
      bias[k] = bias[k] * factor[static_cast<std::size_t>(k)] + offset[static_cast<std::size_t>(k)];
  }

  thread_pool& pool_;
  bool repack_;
  std::vector<prepared_step> steps_;
  std::vector<void (*)(prepared_step const&, run_context const&)> runs_;
  memory arena_, packed_;
};

/// That of one of a model's programs, for what this file is compiled for.
template <class Model, class Program>
using executor_of = executor<Program, native, tuning{Model::largest_fast_tile, Model::fast_tolerance}>;

}  // namespace oxbow::on_host
