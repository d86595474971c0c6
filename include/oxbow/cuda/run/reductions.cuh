// The steps that sum over pixels: two launches each, the second of which adds the parts in their order.
#pragma once
#include <oxbow/cuda/kernel/statistics.cuh>
#include <oxbow/cuda/run/run_context.cuh>
#include <oxbow/cuda/run/tables.cuh>

namespace oxbow::on_cuda {

/// The first of the two launches, where it sums over the pixels of each channel.
struct channel_sums_launch {
  int parts = 0;     ///< what it leaves in run_context::sums for the second one to add
  int room = 0;      ///< parts that it needs there meanwhile
  int counters = 0;  ///< what it needs of run_context::arrived
  std::function<void(run_context const&, cudaStream_t)> launch{};
};

namespace detail {

template <class Terms>
void launch_sums(Terms const& terms, extent size, int channels, double* out, cudaStream_t s, std::string const& what) {
  int const parts = parts_of(size);
  launch<channel_sums<Terms>>({terms, size, channels, parts, out}, std::int64_t{layout::blocks(channels)} * parts, s,
                              what);
}

/// Of tensors in any layout. terms: (run_context const&) → what is summed for instruction i
template <class Terms> channel_sums_launch plain_sums(instruction const& i, std::string const& what, Terms terms) {
  int const parts = parts_of(i.in_size);
  return {parts, parts, 0, [=, &i](run_context const& c, cudaStream_t s) {
            launch_sums(terms(c), i.in_size, i.in_channels, c.sums, s, what);
          }};
}

}  // namespace detail

/// How many blocks write gradients for a reducing instruction: each leaves their squares.
inline std::int64_t blocks_that_write_gradients(instruction const& i, operand const* operands) {
  switch (i.kind) {
    case op_kind::convolve_grad_weight:
    case op_kind::up_convolve_grad_weight:
      return blocks_for(correlation_of(i, operands, nullptr).elements(), finish_correlation::threads);
    case op_kind::bias_grad: return blocks_for(i.in_channels, finish_bias_grad::threads);
    case op_kind::norm_grad_statistics: return blocks_for(i.in_channels, finish_norm_grad::threads);
    default: return 0;
  }
}

/// Appends the launches of one reducing instruction. operands: the plan's table; parameters: the graph's. step.squares:
/// where blocks leave the squares of the gradients that they write. sums: the first launch, if it is to be another one
/// than that for tensors in any layout
inline void add_reduction(prepared_step& step, instruction const& i, operand const* operands,
                          parameter const* parameters, channel_sums_launch sums = {}) {
  std::string const& what = step.name;
  std::int64_t const squares = step.squares;
  int const channels = i.in_channels;
  auto const sum = [&](int of_each, auto terms) {
    if (sums.parts == 0) sums = detail::plain_sums(i, what, terms);
    step.sums = std::max<std::int64_t>(step.sums, std::int64_t{sums.room} * of_each * channels);
    step.launches.push_back(sums.launch);
    return sums.parts;
  };
  auto const at = [](run_context const& c, oxbow::source const& s) { return joined{c.operands + s.first, s.count}; };
  auto const offset_of = [=](oxbow::source const& s) { return operands[s.first].offset; };
  if (i.kind == op_kind::convolve_grad_weight || i.kind == op_kind::up_convolve_grad_weight) {
    std::int64_t const to = parameters[i.parameter].offset;
    correlation const shape = correlation_of(i, operands, nullptr);
    step.partial = std::max(step.partial, shape.splits * shape.elements());
    step.launches.push_back([=, &i](run_context const& c, cudaStream_t s) {
      correlation const w = correlation_of(i, operands, c.operands);
      auto const bytes = sizeof(float) * static_cast<std::size_t>(w.a_floats() + w.b_floats());
      launch<correlate>({w, c.arena, c.partial}, w.blocks(), s, what, bytes);
      launch<finish_correlation>({c.partial, w.elements(), w.splits, c.gradients + to, c.run,
                                  c.squares + squares},
                                 blocks_for(w.elements(), finish_correlation::threads), s, what);
    });
  } else if (i.kind == op_kind::bias_grad) {
    int const parts = sum(1, [=, &i](run_context const& c) { return bias_terms{at(c, i.in[0]), c.arena}; });
    std::int64_t const to = parameters[i.parameter].offset;
    step.launches.push_back([=](run_context const& c, cudaStream_t s) {
      launch<finish_bias_grad>({c.sums, parts, channels, c.gradients + to, c.run, c.squares + squares},
                               blocks_for(channels, finish_bias_grad::threads), s, what);
    });
  } else if (i.kind == op_kind::loss_overlap) {
    int const parts = sum(3, [=, &i](run_context const& c) {
      return overlap_terms{at(c, i.in[0]), c.operands + i.in[1].first, c.operands + i.in[2].first, c.arena, channels};
    });
    std::int64_t const out = operands[i.out[0].operand].offset;
    step.launches.push_back([=](run_context const& c, cudaStream_t s) {
      launch<finish_overlap>({c.sums, parts, channels, reinterpret_cast<float*>(c.arena + out)},
                             blocks_for(channels, finish_overlap::threads), s, what);
    });
  } else if (i.kind == op_kind::norm_statistics) {
    int const parts = sum(2, [=, &i](run_context const& c) { return moment_terms{at(c, i.in[0]), c.arena}; });
    std::int64_t const out = operands[i.out[0].operand].offset;
    std::int64_t const mean = i.running ? parameters[i.parameter + 2].offset : 0,
                       variance = i.running ? parameters[i.parameter + 3].offset : 0;
    step.launches.push_back([=, &i](run_context const& c, cudaStream_t s) {
      launch<finish_norm_statistics>(
          {c.sums, at(c, i.in[0]), c.arena, i.in_size.volume(), parts, channels, i.groups,
           reinterpret_cast<float*>(c.arena + out), i.running ? c.parameters + mean : nullptr,
           i.running ? c.parameters + variance : nullptr},
          blocks_for(i.groups, finish_norm_statistics::threads), s, what);
    });
  } else {
    // Nobody reads the sums of a norm in front of which nothing learns: they are not stored then.
    bool const kept = i.out[0].operand != none;
    std::int64_t const out = kept ? operands[i.out[0].operand].offset : 0, statistics = offset_of(i.in[2]);
    std::int64_t const scale = parameters[i.parameter].offset, shift = parameters[i.parameter + 1].offset;
    auto const known = [=](run_context const& c) { return reinterpret_cast<float const*>(c.arena + statistics); };
    int const parts = sum(2, [=, &i](run_context const& c) {
      return norm_grad_terms{at(c, i.in[0]), at(c, i.in[1]), c.arena, known(c), channels / i.groups};
    });
    step.launches.push_back([=, &i](run_context const& c, cudaStream_t s) {
      launch<finish_norm_grad>(
          {c.sums, parts, channels, i.groups, known(c), kept ? reinterpret_cast<float*>(c.arena + out) : nullptr,
           c.gradients + scale, c.gradients + shift, c.run, c.squares + squares},
          blocks_for(channels, finish_norm_grad::threads), s, what);
    });
  }
}

}  // namespace oxbow::on_cuda
