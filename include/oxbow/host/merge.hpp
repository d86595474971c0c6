// An up-convolution and the part of the next convolution that reads it are one linear map, which takes fewer products.
#pragma once
#include <oxbow/host/winograd/choose.hpp>

namespace oxbow::on_host {

/// Where nothing is between a 2 × 2 up-convolution U of x and a 3 × 3 convolution W of a skip and Ux, without a border,
///
///     W · (skip, U x) = W' · skip + K x,   K = W'' U,
///
/// and K, an enlargement by two, is a convolution with 2 × 2 weights for each of its four phases: the outputs of one
/// parity of rows and columns. Of C channels of x and C/2 of all others, Winograd's F(5 × 5, 2 × 2) for K takes
/// 4 · 36/25 · C · C/2 = 2.9 C² products for each pixel of x; F(4 × 4, 3 × 3) for W'' after U takes 4.25 C².
///
/// The step of the up-convolution makes K x where U x would lie, two rows and two columns less; the convolution adds it
/// to its own sums. A program that learns has both as they are: the gradients read U x.
struct merged_steps {
  int up = none, next = none;  ///< positions in the plan
  int tile = 0;                ///< of K: an odd one
};

/// Can a step's anchor add what an up-convolution has made to its sums?
constexpr bool can_add(form const& f) {
  for (int i = 0; i < f.count; ++i)
    if (is_pooling(f.kind(i))) return false;
  return f.anchor == 0 && f.kind(0) == op_kind::convolve;
}

namespace detail {

/// Multiplications of vectors of 16, as cost_of counts them. tile: of W', that of K being `of_up`
constexpr bool pays(instruction const& up, instruction const& next, int tile, int of_up) {
  constexpr std::int64_t predictions = 4;  // with one set of weights
  std::int64_t const inputs = up.in_channels, between = up.out_channels, outputs = next.out_channels;
  std::int64_t const skip = next.in_channels - between, area = area_of(of_up);
  auto const convolved = [&](std::int64_t from) {
    return cost_of({static_cast<int>(from), next.out_channels, next.out_size.height, next.out_size.width}, tile);
  };
  std::int64_t const apart = up.out_size.volume() * inputs * between / 16 + convolved(skip + between);
  int const rows = next.out_size.height / 2, columns = next.out_size.width / 2;
  std::int64_t const tiles = fast_shape{.rows = rows, .columns = columns}.tiles(of_up),
                     vectors = area * inputs * outputs / 4;
  std::int64_t const merged =
      convolved(skip) + tiles * (vectors + 5 * area * inputs / 16 + 4 * area * outputs / 4) + 3 * vectors;
  std::int64_t const products_of_weights = 36 * inputs * between * outputs / 16;
  return (apart - merged) * predictions > products_of_weights;
}

}  // namespace detail

/// The convolution that an up-convolution is merged with, if there is one, and it pays.
template <class Program> constexpr merged_steps merged_with(int step, tuning const& allowed) {
  auto const& graph = Program::graph;
  auto const& whole = Program::steps;
  plan_step const& s = whole.steps[step];
  instruction const& up = whole.instructions[s.first];
  if (s.count != 1 || up.kind != op_kind::up_convolve || up.folded != none) return {};
  if (up.window != extent{1, 2, 2} || up.stride != extent{1, 2, 2} || up.out_channels % layout::block != 0)
    return {};

  auto const only_reader = [&](int value) {
    int reader = none;
    for (int i = 0; i < graph.ops.size(); ++i)
      for (int v : graph.ops[i].in) {
        if (v != value) continue;
        if (reader != none) return int{none};
        reader = i;
      }
    return value == graph.output ? none : reader;
  };
  int const made = graph.ops[up.op].out[0], join = only_reader(made);
  if (join == none || graph.ops[join].kind != op_kind::join || graph.ops[join].in[1] != made) return {};
  int const op = only_reader(graph.ops[join].out[0]);
  int const next_step = op == none ? none : Program::fused.step_of[op];
  if (next_step == none || Program::fused.anchor[next_step] != op) return {};

  plan_step const& n = whole.steps[next_step];
  instruction const& next = whole.instructions[n.first];
  if (!can_add(n.what) || next.in[0].count < 2 || next.border != extent{0, 0, 0}) return {};
  if (next.out_channels != up.out_channels) return {};
  instruction rest = next;
  rest.in_channels -= up.out_channels;
  int const tile = winograd_tile(rest, allowed);
  for (int of_up = tile + 1; of_up > 2; of_up -= 2)
    if (tolerates(allowed.tolerance, of_up, up.in_channels, 9. * up.in_channels))
      return detail::pays(up, next, tile, of_up) ? merged_steps{step, next_step, of_up} : merged_steps{};
  return {};
}

}  // namespace oxbow::on_host
