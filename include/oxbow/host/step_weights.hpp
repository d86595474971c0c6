// The weights and biases of a step, packed as its kernels read them.
#pragma once
#include <algorithm>
#include <vector>

#include <oxbow/host/memory.hpp>
#include <oxbow/host/merged_weights.hpp>
#include <oxbow/host/normalisation.hpp>
#include <oxbow/host/step_context.hpp>
#include <oxbow/host/winograd/weights.hpp>

namespace oxbow::on_host {

/// Most: the largest tile of Winograd's convolution with 3 × 3 weights that there can be.
template <class Arch, int Most> class step_weights {
  using plain = packed_weights<Arch>;
  using merged = merged_weights<Arch>;

 public:
  /// table: of the parameters' tensors
  step_weights(thread_pool& pool, parameter const* table) : pool_{pool}, table_{table} {}

  /// Gives a step's convolutions their places, from `packed` on, which is moved behind them.
  void lay_out(prepared_step& s, std::int64_t& packed) const {
    for (int i = 0; i < s.what.count; ++i) {
      if (!reads_weights(s.instructions[i].kind)) continue;
      weight_use const u = weights_of(s.instructions[i], table_);
      s.weights[i] = packed, packed += floats(s, i, u);
      s.biases[i] = packed, packed += plain::panels(u.outputs()) * plain::panel;
    }
  }

  /// packed: where the places are
  void pack(prepared_step const& s, float const* parameters, float* packed) {
    for (int i = 0; i < s.what.count; ++i) {
      instruction const& o = s.instructions[i];
      if (!reads_weights(o.kind)) continue;
      weight_use const u = weights_of(o, table_);
      bool const biased = o.kind == op_kind::convolve || o.kind == op_kind::up_convolve;
      float* const bias = packed + s.biases[i];
      for (int k = 0; k < plain::panels(u.outputs()) * plain::panel; ++k)
        bias[k] = biased && k < u.outputs() ? tensor(parameters, o.parameter + 1)[k] : 0.f;
      if (s.merged != nullptr) {
        pack_merged(s, parameters, packed + s.weights[i], bias);
        continue;
      }
      if (i == s.what.anchor && s.packs_in_boxes) continue;
      std::vector<float> const factor = absorb(o, u.outputs(), parameters, bias);
      pack(s.by_panel ? 0 : s.fast[i], u, tensor(parameters, o.parameter), factor.empty() ? nullptr : factor.data(),
           packed + s.weights[i]);
    }
  }

 private:
  float const* tensor(float const* parameters, int number) const { return parameters + table_[number].offset; }

  static std::int64_t floats(prepared_step const& s, int i, weight_use const& u) {
    if (i == s.what.anchor && s.packs_in_boxes) return 0;
    if (s.fast[i] == 0) return plain::floats(u);
    return plain::panels(u.outputs()) * fast_panel_floats<Arch, Most>(s.fast[i], s.by_panel, u.inputs());
  }

  /// Calls f(panel, block, thread) for each block of inputs of each panel of outputs: some neighbouring blocks in turn,
  /// since what is read is asked for one block ahead, and begin(panel, thread) before them.
  template <class Begin, class F> void for_each_block(weight_use const& u, Begin const& begin, F const& f) {
    constexpr int run = 8;
    int const blocks = layout::blocks(u.inputs()), runs = (blocks + run - 1) / run;
    pool_.run(std::int64_t{plain::panels(u.outputs())} * runs, [&](int thread, std::int64_t i) {
      int const panel = static_cast<int>(i / runs), first = static_cast<int>(i % runs) * run;
      begin(panel, thread);
      for (int b = first; b < std::min(first + run, blocks); ++b) f(panel, b, thread);
    });
  }

  void pack(int fast, weight_use const& u, float const* from, float const* factor, float* to) {
    auto const nothing = [](int, int) {};
    bool const transformed = with_tile<Most>(fast, [&]<int Tile>() {
      using weights = winograd_weights<Arch, Tile>;
      for_each_block(u, nothing, [&](int panel, int block, int) {
        alignas(64) float taps[layout::block * weights::taps * plain::panel];
        plain::pack_block(from, u, panel, block, factor, taps);
        weights::transform(taps, u.inputs(), block, to + panel * weights::panel_floats(u.inputs()));
      });
    });
    if (!transformed)
      for_each_block(u, nothing, [&](int panel, int block, int) { plain::pack(from, u, panel, block, factor, to); });
  }

  /// Those of an up-convolution, the step, times those of the convolution that it is merged with.
  void pack_merged(prepared_step const& s, float const* parameters, float* to, float* bias) {
    instruction const &up = s.instructions[0], &next = *s.merged;
    weight_use const u = weights_of(up, table_);
    weight_use w = weights_of(next, table_);
    int const between = w.others, inputs = u.inputs();  // the channels between are the last of W's inputs
    float const *const first = tensor(parameters, next.parameter) + std::int64_t{w.inputs()} * w.taps(),
                *const of_up = tensor(parameters, up.parameter), *const up_bias = tensor(parameters, up.parameter + 1);
    w.others = w.inputs();  // now these are the others, and the channels between the inputs
    std::vector<float> const factor = absorb(next, w.outputs(), parameters, nullptr);
    float const* const factors = factor.empty() ? nullptr : factor.data();
    std::int64_t const floats = merged::panel_floats(w);
    memory const packed{floats * pool_.size() * std::int64_t{sizeof(float)}, "weights of a convolution"};
    auto const begin = [&](int panel, int thread) {
      merged::pack(first, w, panel, factors, packed.floats() + thread * floats);
    };
    // Multiplies into the phases' blocks, which are so many floats apart.
    auto const multiply = [&](int block, int thread, float* out, std::int64_t phase) {
      int const c = block * layout::block;
      merged::multiply(of_up + std::int64_t{c} * between * merged::taps, between, packed.floats() + thread * floats,
                       std::min(layout::block, inputs - c), out, phase);
    };
    if (s.by_panel)
      for_each_block(u, begin, [&](int panel, int block, int thread) {
        multiply(block, thread, to + plain::offset(panel * merged::phases, inputs, block, merged::taps),
                 plain::panel_floats(inputs, merged::taps));
      });
    else
      with_tile<Most>(s.fast[0], [&]<int Tile>() {
        using weights = winograd_weights<Arch, Tile>;
        for_each_block(u, begin, [&](int panel, int block, int thread) {
          constexpr std::int64_t phase = layout::block * merged::taps * merged::panel;
          alignas(64) float taps[merged::phases * phase];
          multiply(block, thread, taps, phase);
          for (int p = 0; p < merged::phases; ++p)
            weights::transform(taps + p * phase, inputs, block,
                               to + (panel * merged::phases + p) * weights::panel_floats(inputs));
        });
      });
    pool_(w.outputs(), [&](std::int64_t k) {
      float sum = 0;
      for (int c = 0; c < between; ++c)
        for (int t = 0; t < w.taps(); ++t) sum += first[(k * w.columns + c) * w.taps() + t] * up_bias[c];
      bias[k] = factors != nullptr ? sum * factors[k] : sum;
    });
  }

  /// A batch norm behind a convolution: y = (w·x + b − mean) · scale / √(variance + ε) + shift. What each output's
  /// weights are multiplied with, or nothing. bias: changed as well; or null
  std::vector<float> absorb(instruction const& o, int outputs, float const* parameters, float* bias) const {
    if (o.folded == none) return {};
    std::vector<float> factor(static_cast<std::size_t>(layout::blocks(outputs) * layout::block)), offset(factor);
    auto const at = [&](int k) { return tensor(parameters, o.folded + k); };
    running_factors(at(0), at(1), at(2), at(3), outputs, factor.data(), offset.data());
    for (int k = 0; k < outputs && bias != nullptr; ++k)
      bias[k] = bias[k] * factor[static_cast<std::size_t>(k)] + offset[static_cast<std::size_t>(k)];
    return factor;
  }

  thread_pool& pool_;
  parameter const* table_;
};

}  // namespace oxbow::on_host
