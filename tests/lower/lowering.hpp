// The passes at run time, so that one program can lower many networks in many ways.
#pragma once
#include <memory>
#include <stdexcept>

#include <oxbow/check/tiles.hpp>
#include <oxbow/check/trace.hpp>
#include <oxbow/lower/plan.hpp>

namespace oxbow::testing {

/// The placement that best_placement finds at compile time.
placement place(fused_graph const& g);

/// One graph, lowered. Too large for the stack of a test.
struct lowering {
  fused_graph fused;
  placement placed;
  plan steps;

  explicit lowering(flat_graph const& net, fusions on);
};
std::unique_ptr<lowering> lower(flat_graph const& net, fusions on = {});

/// The forward graph for the nearest legal tile from `wish` on.
template <class Net> std::unique_ptr<flat_graph> forward_graph(extent wish, int first_axis, int channels) {
  flat_graph const probe = infer<Net>(wish, first_axis, channels).net;
  for (int a = first_axis; a < 3; ++a) wish[a] = nearest_legal(probe, a, wish[a], +1);
  tracer const t = infer<Net>(wish, first_axis, channels);
  if (t.first.broken != rule::none) throw std::logic_error("forward_graph: a network of the tests is not sound.");
  return std::make_unique<flat_graph>(t.net);
}

}  // namespace oxbow::testing
