// A graph with all that becomes of it.
#pragma once
#include <oxbow/lower/plan.hpp>

namespace oxbow {

/// One use of a network: its graph, what became of it, and the plan. Nothing is computed until it is
/// named, so a program that only predicts never compiles the backward pass.
template <flat_graph const& Graph, fusions On = fusions{}> struct program {
  static_assert(!Graph.overflows(), "the program has more ops than graph/limits.hpp has room for: raise limits::ops.");
  static constexpr flat_graph const& graph = Graph;
  static constexpr fused_graph fused = fuse(Graph, On);
  static constexpr auto const& alive = best_placement<fused>::alive;
  static constexpr auto const& placed = best_placement<fused>::get();
  static constexpr plan steps = make_plan(fused, placed);
  static constexpr std::int64_t peak_bytes = placed.peak_bytes;    ///< the arena: every activation, no weights
  static constexpr std::int64_t bound_bytes = placed.bound_bytes;  ///< no placement of these steps needs less
};

}  // namespace oxbow
