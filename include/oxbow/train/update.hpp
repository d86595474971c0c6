// One optimizer step over the flat arena, in pieces that do not depend on the number of threads.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <oxbow/core/lanes.hpp>
#include <oxbow/core/serial.hpp>
#include <oxbow/train/optimizer.hpp>

namespace oxbow {

/// Elements that one piece of work walks: long enough to hide its start, short enough to balance.
inline constexpr std::int64_t update_block = 16384;

/// Length of a vector, √Σ x². The blocks and the order of the sum are fixed, so the bits are the
/// same for any number of threads. Infinite or not a number if an element is.
/// cost  reads x once
template <class ForEach = serial_for> double euclidean_norm(std::span<float const> x, ForEach&& for_each = {}) {
  auto const size = static_cast<std::int64_t>(x.size());
  std::int64_t const blocks = (size + update_block - 1) / update_block;
  std::vector<double> sums(static_cast<std::size_t>(blocks), 0.);
  for_each(blocks, [&](std::int64_t block) {
    std::array<double, 8> lane{};  // independent sums: a vector register can hold them
    std::int64_t const from = block * update_block, to = std::min(size, from + update_block);
    for (std::int64_t i = from; i < to; ++i) {
      auto const v = static_cast<double>(x[static_cast<std::size_t>(i)]);
      lane[static_cast<std::size_t>((i - from) % 8)] += v * v;
    }
    double sum = 0;
    for (double part : lane) sum += part;
    sums[static_cast<std::size_t>(block)] = sum;
  });
  double sum = 0;
  for (double part : sums) sum += part;
  return std::sqrt(sum);
}

/// What gradients are multiplied by, so that their norm is at most `limit`.
/// source  torch.nn.utils.clip_grad_norm_
inline double clip_factor(double gradient_norm, double limit) {
  return std::isinf(limit) ? 1. : std::min(1., limit / (gradient_norm + 1e-6));
}

namespace detail {

/// Applies a rule to Count parameters side by side, which are copied first: nothing that is written could be anything
/// that is read, and the loop becomes vector instructions.
template <int Count, class Rule, std::size_t Buffers>
[[gnu::always_inline]] inline void update_lanes(Rule const& rule, float scale, float* parameters,
                                                float const* gradients,
                                                std::array<float*, Buffers> const& buffers) {
  lanes<float, Count> p, g;
  std::array<lanes<float, Count>, Buffers> state;
  for (int i = 0; i < Count; ++i) p[i] = parameters[i];
  for (int i = 0; i < Count; ++i) g[i] = scale * gradients[i];
  for (std::size_t k = 0; k < Buffers; ++k)
    for (int i = 0; i < Count; ++i) state[k][i] = buffers[k][i];
  for (int i = 0; i < Count; ++i) {
    std::array<float*, Buffers> at;
    for (std::size_t k = 0; k < Buffers; ++k) at[k] = &state[k][i];
    rule(p[i], g[i], at);
  }
  for (int i = 0; i < Count; ++i) parameters[i] = p[i];
  for (std::size_t k = 0; k < Buffers; ++k)
    for (int i = 0; i < Count; ++i) buffers[k][i] = state[k][i];
}

/// The same for `count` parameters. rule: a copy, which nobody else can change meanwhile.
template <class Rule, std::size_t Buffers>
void update_run(Rule const rule, float scale, float* parameters, float const* gradients,
                std::array<float*, Buffers> buffers, std::int64_t count) {
  constexpr int together = 16;
  auto const next = [&](int done) {
    parameters += done, gradients += done;
    for (float*& b : buffers) b += done;
  };
  for (; count >= together; count -= together, next(together))
    update_lanes<together>(rule, scale, parameters, gradients, buffers);
  for (; count > 0; --count, next(1)) update_lanes<1>(rule, scale, parameters, gradients, buffers);
}

}  // namespace detail

/// parameter i ← rule(parameter i, scale · gradient i, buffers' i-th elements), for all i.
/// A back end whose arena lies elsewhere overloads this for its own executor.
/// cost  reads parameters, gradients and buffers once, writes parameters and buffers once
template <int Buffers, class Rule, class ForEach = serial_for>
void update_parameters(Rule const& rule, float scale, std::span<float> parameters, std::span<float const> gradients,
                       std::vector<std::vector<float>>& buffers, ForEach&& for_each = {}) {
  auto const size = static_cast<std::int64_t>(parameters.size());
  for_each((size + update_block - 1) / update_block, [&](std::int64_t block) {
    std::int64_t const from = block * update_block;
    std::array<float*, static_cast<std::size_t>(Buffers)> state{};
    for (std::size_t k = 0; k < state.size(); ++k) state[k] = buffers[k].data() + from;
    detail::update_run(rule, scale, parameters.data() + from, gradients.data() + from, state,
                       std::min(update_block, size - from));
  });
}

}  // namespace oxbow
