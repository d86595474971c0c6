// Weights that a run reads late enough for the optimizer to be still at work on them while it begins.
#pragma once
#include <algorithm>
#include <limits>

#include <oxbow/cuda/tune/chip.hpp>
#include <oxbow/lower/geometry.hpp>
#include <oxbow/lower/program_tables.hpp>

namespace oxbow::on_cuda {

/// Of a program: for each tensor of parameters the first step that reads it, and for each step the multiply-adds of its
/// forward convolutions.
template <class Program> struct late_weights {
  using t = program_tables<Program>;
  struct facts {
    int first_read[t::parameter_count > 0 ? t::parameter_count : 1];
    double work[t::steps > 0 ? t::steps : 1];
  };
  static constexpr facts of_program() {
    facts f{};
    for (int& step : f.first_read) step = std::numeric_limits<int>::max();
    auto const reads = [&](int from, int count, int step) {
      for (int p = from; from != none && p < from + count && p < t::parameter_count; ++p)
        f.first_read[p] = std::min(f.first_read[p], step);
    };
    for (int s = 0; s < t::steps; ++s) {
      plan_step const& step = t::whole.steps.items[s];
      for (int i = step.first; i < step.first + step.count; ++i) {
        instruction const& op = t::instructions.items[i];
        reads(op.parameter, reads_weights(op.kind) ? 2 : 4, s);  // weights and biases, or what a norm has
        reads(op.folded, 4, s);
        if (op.kind != op_kind::convolve && op.kind != op_kind::up_convolve) continue;
        double const taps = op.kind == op_kind::convolve ? static_cast<double>(op.window.volume()) : 1;
        f.work[s] += taps * op.in_channels * op.out_channels * static_cast<double>(op.out_size.volume());
      }
    }
    return f;
  }
  static constexpr facts of = of_program();

  /// The step from which on weights are late: up to there a run has so much to multiply that the optimizer, which is
  /// bound by memory, is done with them meanwhile. 0 where little would be gained.
  ///
  /// By the figures of the chip: products at the tensor cores' rate, and 24 bytes for each parameter, which are its
  /// master, its gradient, a momentum and two packed copies.
  /// may(p): can tensor p be late?
  template <class May> static int from(chip const& c, May may) {
    double const per_second = 2048 * c.mma_per_cycle * c.multiprocessors * c.clock, bytes = 24;
    double const worth_it = 10e-6;  // more than a launch and two events take
    auto const seconds_of = [&](int p) {
      return bytes * static_cast<double>(t::parameters.items[p].count()) / c.memory;
    };
    double all = 0, before = 0;
    for (int p = 0; p < t::parameter_count; ++p) all += seconds_of(p);
    double least = all - worth_it;
    int best = 0;
    for (int s = 1; s < t::steps; ++s) {
      before += of.work[s - 1] / per_second;
      double late = 0;
      for (int p = 0; p < t::parameter_count; ++p)
        if (of.first_read[p] >= s && may(p)) late += seconds_of(p);
      double const seen = all - late + std::max(0., late - before);
      if (seen < least) least = seen, best = s;
    }
    return best;
  }
};

}  // namespace oxbow::on_cuda
