// One program with kernels for every instruction set: each agrees with the oracle, and the right one is chosen.
#include <cstdlib>

#include "../agreement.hpp"
#include "models.hpp"

using namespace oxbow;
using namespace oxbow::testing;

namespace {

/// Sets the environment variable while it lives.
struct asked_for {
  explicit asked_for(char const* set) { setenv("OXBOW_ISA", set, 1); }
  ~asked_for() { unsetenv("OXBOW_ISA"); }
};

constexpr instruction_set all[] = {instruction_set::baseline, instruction_set::avx2, instruction_set::avx512};

std::vector<float> logits_of(network<many_steps, host>& net) {
  example<many_steps> e;
  image<float> logits{many_steps::output, many_steps::classes};
  net.infer(std::as_const(e.tile).view(), logits.view());
  return logits.data;
}

}  // namespace

TEST_CASE("every instruction set that this CPU has predicts and learns as the oracle does") {
  for (auto const set : all) {
    if (set > instruction_set_of_cpu()) continue;
    CAPTURE(name_of(set));
    asked_for const it{name_of(set).data()};
    predictions_agree<many_steps>();
    gradients_agree<many_steps>();
  }
}

TEST_CASE("the CPU's best set is taken, to the bit, where nobody asks for another") {
  MESSAGE("best: ", name_of(instruction_set_of_cpu()));
  network<many_steps, host> unasked{{}, seed{3}}, asked{{}, seed{3}};
  std::vector<float> const best = logits_of(unasked);
  asked_for const it{name_of(instruction_set_of_cpu()).data()};
  CHECK(logits_of(asked) == best);
}

TEST_CASE("the sets are different code: they round differently") {
  if (instruction_set_of_cpu() == instruction_set::baseline) return;
  network<many_steps, host> best{{}, seed{3}}, least{{}, seed{3}};
  std::vector<float> const logits = logits_of(best);
  asked_for const it{"baseline"};
  CHECK(logits_of(least) != logits);  // without fused multiply-add
}

TEST_CASE("a set that is not known, or that the CPU has not, is an error that says so") {
  network<many_steps, host> net{{}, seed{3}};
  {
    asked_for const it{"sse9"};
    CHECK_THROWS_WITH(logits_of(net), "OXBOW_ISA is sse9; it can be baseline, avx2 or avx512.");
  }
  if (instruction_set_of_cpu() < instruction_set::avx512) {
    asked_for const it{"avx512"};
    CHECK_THROWS_AS(logits_of(net), std::runtime_error);
  }
}

TEST_CASE("kernels of another set know the pool's threads: a call from inside a piece stays on its thread") {
  network<many_steps, host> net{{.threads = 3}, seed{3}};
  std::vector<float> const alone = logits_of(net);
  thread_pool outer{2};
  std::vector<float> inside;
  outer.run(2, [&](int, std::int64_t i) {
    if (i == 0) inside = logits_of(net);
  });
  CHECK(inside == alone);
  net.for_each(1, [&](std::int64_t) { inside = logits_of(net); });  // its own pool: this would wait for itself
  CHECK(inside == alone);
}
