// Would the laws notice? Every plan below is wrong on purpose, and must be caught.
#include <doctest/doctest.h>

#include <oxbow/lower/differentiate.hpp>
#include <oxbow/lower/inference.hpp>

#include "law.hpp"
#include "networks.hpp"
using namespace oxbow;
using namespace oxbow::testing;

namespace {

/// A network, its sound plan, and a count of the wrong plans that were made of it.
struct victim {
  flat_graph const net;
  bool training;
  std::unique_ptr<lowering> sound;
  subject const given;
  truth const expected;
  int tried = 0, caught = 0;

  victim(flat_graph const& forward, bool training)
      : net{training ? differentiate(forward) : for_inference(forward)},
        training{training},
        sound{lower(net)},
        given{forward},
        expected{net, given, training} {
    REQUIRE(fault(net, sound->steps, given, expected, training) == "");
  }

  /// Where things lie, without arithmetic: the owners alone must notice.
  void try_addresses(plan const& wrong) {
    ++tried;
    try {
      run_plan(net, wrong, given.image, given.parameters, given.given, false);
    } catch (wrong_plan const&) {
      ++caught;
    }
  }
  void try_results(plan const& wrong) {
    ++tried;
    caught += fault(net, wrong, given, expected, training) != "";
  }
  /// The sound plan with one change.
  template <class Change> std::unique_ptr<plan> with(Change&& change) const {
    auto wrong = std::make_unique<plan>(sound->steps);
    change(*wrong);
    return wrong;
  }

  /// Calls f(instruction, input, operand) with the positions of each tensor that is read from the arena.
  template <class F> void for_each_read(F&& f) const {
    plan const& p = sound->steps;
    for (int i = 0; i < p.instructions.size(); ++i)
      for (int k = 0; k < 4; ++k)
        for (int o = 0; o < p.instructions[i].in[k].count; ++o) f(i, k, p.instructions[i].in[k].first + o);
  }
  value const& read_by(int i, int input) const {
    return net.values[net.ops[sound->steps.instructions[i].op].in[input]];
  }
};

/// Does step t read what step s writes?
bool depends(plan const& p, int s, int t) {
  for (int i = p.steps[s].first; i < p.steps[s].first + p.steps[s].count; ++i)
    for (sink const& out : p.instructions[i].out) {
      if (out.operand == none || out.to_gradients) continue;
      for (int j = p.steps[t].first; j < p.steps[t].first + p.steps[t].count; ++j)
        for (source const& in : p.instructions[j].in)
          for (int o = in.first; o < in.first + in.count; ++o)
            if (p.operands[o].offset == p.operands[out.operand].offset) return true;
    }
  return false;
}

void swap_steps(victim& v) {
  for (int s = 0; s + 1 < v.sound->steps.steps.size(); ++s)
    if (depends(v.sound->steps, s, s + 1))
      v.try_addresses(*v.with([&](plan& p) { std::swap(p.steps[s], p.steps[s + 1]); }));
}

void drop_steps(victim& v) {
  for (int s = 0; s < v.sound->steps.steps.size(); ++s)
    v.try_addresses(*v.with([&](plan& p) {
      for (int k = s; k + 1 < p.steps.size(); ++k) p.steps[k] = p.steps[k + 1];
      --p.steps.count;
    }));
}

void shift_offsets(victim& v) {
  for (int o = 0; o < v.sound->steps.operands.size(); ++o)
    for (int const by : {-64, 64}) v.try_addresses(*v.with([&](plan& p) { p.operands[o].offset += by; }));
}

void drop_stores(victim& v) {
  for (int i = 0; i < v.sound->steps.instructions.size(); ++i)
    for (int k = 0; k < 2; ++k)
      if (v.sound->steps.instructions[i].out[k].operand != none)
        v.try_addresses(*v.with([&](plan& p) { p.instructions[i].out[k].operand = none; }));
}

/// Places anew with one life too short by a step. Where that makes live buffers overlap, it must be noticed.
void shorten_lives(victim& v) {
  placement const& p = v.sound->placed;
  for (int b = 0; b < p.buffers.size(); ++b) {
    if (p.buffers[b].dies == p.buffers[b].born) continue;
    auto q = std::make_unique<placement>(p);
    --q->buffers[b].dies;
    place_in_order(*q, order_by(*q, priority::largest));
    ++q->buffers[b].dies;
    if (fault(*q) != "") v.try_addresses(*std::make_unique<plan>(make_plan(v.sound->fused, *q)));
  }
}

/// Puts any two buffers that are alive at the same time into one place.
void share_places(victim& v) {
  placement const& p = v.sound->placed;
  for (int b = 0; b < p.buffers.size(); ++b)
    for (int c = 0; c < b; ++c) {
      buffer const &x = p.buffers[b], &y = p.buffers[c];
      if (x.born > y.dies || y.born > x.dies) continue;
      auto q = std::make_unique<placement>(p);
      q->buffers[b].offset = y.offset;
      q->peak_bytes = std::max(p.peak_bytes, y.offset + x.bytes);
      CHECK(fault(*q) != "");
      v.try_addresses(*std::make_unique<plan>(make_plan(v.sound->fused, *q)));
    }
}

void shift_views(victim& v) {
  v.for_each_read([&](int i, int input, int o) {
    extent const size = v.read_by(i, input).size;
    operand const& sound = v.sound->steps.operands[o];
    for (int a = v.net.first_axis; a < 3; ++a) {
      for (int const by : {-1, 1}) v.try_addresses(*v.with([&](plan& p) { p.operands[o].shift[a] += by; }));
      int const from = sound.shift[a], to = from + size[a];
      if (from <= sound.low[a] && sound.low[a] < to) v.try_addresses(*v.with([&](plan& p) { ++p.operands[o].low[a]; }));
      if (from < sound.high[a] && sound.high[a] <= to)
        v.try_addresses(*v.with([&](plan& p) { --p.operands[o].high[a]; }));
      if (from < sound.low[a]) v.try_addresses(*v.with([&](plan& p) { --p.operands[o].low[a]; }));
      if (to > sound.high[a]) v.try_addresses(*v.with([&](plan& p) { ++p.operands[o].high[a]; }));
      if (from < sound.low[a])
        v.try_addresses(*v.with([&](plan& p) { p.operands[o].mirrored = !p.operands[o].mirrored; }));
    }
  });
}

void shift_channels(victim& v) {
  v.for_each_read([&](int, int, int o) {
    v.try_addresses(*v.with([&](plan& p) { ++p.operands[o].first_channel; }));
    v.try_addresses(*v.with([&](plan& p) { --p.operands[o].count; }));
  });
}

void cross_wires(victim& v) {
  plan const& sound = v.sound->steps;
  for (int i = 0; i < sound.instructions.size(); ++i)
    for (int k = 0; k < 4; ++k)
      if (int const made = sound.instructions[i].in[k].made; made != none) {
        if (made > 0) v.try_addresses(*v.with([&](plan& p) { --p.instructions[i].in[k].made; }));
        v.try_addresses(*v.with([&](plan& p) { p.instructions[i].in[k].which ^= 1; }));
        v.try_addresses(*v.with([&](plan& p) { p.instructions[i].in[k].made = none; }));
      }
}

/// What an instruction says of its op; here the results must tell.
void misstate_ops(victim& v) {
  plan const& sound = v.sound->steps;
  for (int i = 0; i < sound.instructions.size(); ++i) {
    instruction const& x = sound.instructions[i];
    if (x.kind == op_kind::crop && x.border.width > 0)
      v.try_results(*v.with([&](plan& p) { --p.instructions[i].border.width; }));
    if (x.kind == op_kind::slice && x.channel > 0)
      v.try_results(*v.with([&](plan& p) { --p.instructions[i].channel; }));
    if (x.kind == op_kind::activate && x.f == &function_of<relu>::self)
      v.try_results(*v.with([&](plan& p) { p.instructions[i].f = &function_of<elu>::self; }));
    if (x.kind == op_kind::drop && v.training) v.try_results(*v.with([&](plan& p) { ++p.instructions[i].channel; }));
    if (x.kind == op_kind::convolve) v.try_results(*v.with([&](plan& p) { ++p.instructions[i].border.width; }));
    if (x.folded != none) v.try_results(*v.with([&](plan& p) { p.instructions[i].folded = none; }));
    if (x.kind == op_kind::norm_statistics && x.groups > 1)
      v.try_results(*v.with([&](plan& p) { p.instructions[i].groups = 1; }));
  }
}

template <class Net, class Mutate> int all_caught(extent wish, Mutate&& mutate) {
  int tried = 0;
  auto const forward = forward_graph<Net>(wish, 1, 1);
  for (bool const training : {false, true}) {
    victim v{*forward, training};
    mutate(v);
    CHECK(v.caught == v.tried);
    tried += v.tried;
  }
  return tried;
}
/// Returns how many wrong plans were tried, so that a test cannot succeed by trying none.
template <class Mutate> int all_caught(Mutate&& mutate) {
  return all_caught<small_paper>({1, 44, 44}, mutate) + all_caught<crossed>({1, 8, 6}, mutate) +
         all_caught<mirrored_skip>({1, 12, 16}, mutate) + all_caught<norms_everywhere>({1, 10, 8}, mutate) +
         all_caught<wide>({1, 6, 4}, mutate);
}

}  // namespace

TEST_CASE("two steps in the wrong order are noticed") { CHECK(all_caught(swap_steps) >= 100); }
TEST_CASE("a step left out is noticed") { CHECK(all_caught(drop_steps) >= 150); }
TEST_CASE("a wrong address is noticed") { CHECK(all_caught(shift_offsets) >= 1000); }
TEST_CASE("a store left out is noticed") { CHECK(all_caught(drop_stores) >= 200); }
TEST_CASE("a life cut short is noticed") { CHECK(all_caught(shorten_lives) >= 10); }
TEST_CASE("two live buffers in one place are noticed") { CHECK(all_caught(share_places) >= 1000); }
TEST_CASE("a wrong crop or border is noticed") { CHECK(all_caught(shift_views) >= 1000); }
TEST_CASE("wrong channels are noticed") { CHECK(all_caught(shift_channels) >= 500); }
TEST_CASE("a wrong wire within a step is noticed") { CHECK(all_caught(cross_wires) >= 200); }
TEST_CASE("an op that is not what it says is noticed") { CHECK(all_caught(misstate_ops) >= 30); }
