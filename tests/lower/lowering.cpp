#include "lowering.hpp"

namespace oxbow::testing {

placement place(fused_graph const& g) {
  auto const alive = std::make_unique<placement>(liveness(g));
  auto best = std::make_unique<placement>();
  for (priority by : {priority::longest, priority::largest, priority::bytes_times_steps}) {
    auto search = std::make_unique<placing>(placing{*alive, order_by(*alive, by)});
    for (int round = 0; round < 3 && !is_tight(search->best); ++round) *search = improve(*search);
    if (best->peak_bytes == 0 || search->best.peak_bytes < best->peak_bytes) *best = search->best;
    if (is_tight(*best)) break;
  }
  return *best;
}

lowering::lowering(flat_graph const& net, fusions on)
    : fused{fuse(net, on)}, placed{place(fused)}, steps{make_plan(fused, placed)} {}

std::unique_ptr<lowering> lower(flat_graph const& net, fusions on) { return std::make_unique<lowering>(net, on); }

}  // namespace oxbow::testing
