// The named networks: what their plans are, that they keep the laws, and how near their arenas come to the bound.
#include <doctest/doctest.h>

#include <oxbow/lower/differentiate.hpp>
#include <oxbow/lower/inference.hpp>
#include <oxbow/net/named.hpp>

#include "law.hpp"
using namespace oxbow;
using namespace oxbow::testing;

namespace {

/// Where everything lies, for networks whose arithmetic takes too long.
void check_addresses(flat_graph const& net) {
  auto const low = lower(net);
  std::vector<float> const parameters(static_cast<std::size_t>(net.parameter_count));
  CHECK_NOTHROW(run_plan(net, low->steps, {}, parameters, {}, false));
  CHECK(fault(low->placed) == "");
}

/// Within half a percent, of what no placement of these steps can go below.
void check_tight(flat_graph const& net) {
  auto const low = lower(net);
  CHECK(low->steps.peak_bytes >= low->steps.bound_bytes);
  CHECK(low->steps.peak_bytes <= low->steps.bound_bytes + low->steps.bound_bytes / 200);
}

template <class Net> void tight(extent tile) {
  auto const forward = forward_graph<Net>(tile, 1, 1);
  check_tight(for_inference(*forward));
  check_tight(differentiate(*forward));
}

}  // namespace

TEST_CASE("the paper's network predicts in 21 steps, each of them a convolution") {
  auto const forward = forward_graph<unet_2015>({1, 572, 572}, 1, 1);
  auto const low = lower(for_inference(*forward));
  plan const& p = low->steps;
  CHECK(p.steps.size() == 21);
  for (auto const& step : p.steps) {
    op_kind const anchor = step.what.kind(step.what.anchor);
    CHECK((anchor == op_kind::convolve || anchor == op_kind::up_convolve));
  }
  // Nothing but convolved images, pooled images and cropped skips is stored; four of the 22 convolutions end in a
  // pooling and a crop, the first and the last of all share their neighbours' steps.
  CHECK(low->placed.buffers.size() == 1 + 21 + 4);
  for (auto const& b : low->placed.buffers) {
    op_kind const made = low->fused.net.producer(b.value).kind;
    CHECK((made != op_kind::join && made != op_kind::pad_zero && made != op_kind::slice));
  }
  std::int64_t work = 0;
  for (int i = 0; i < forward->forward_ops; ++i) work += work_of(*forward, forward->ops[i]);
  CHECK(p.multiply_adds() == work);  // the recomputed convolution is computed once
}

TEST_CASE("the paper's network predicts in 117.6 MB and learns in 67 steps and 621 MB") {
  auto const forward = forward_graph<unet_2015>({1, 572, 572}, 1, 1);
  auto const predicting = lower(for_inference(*forward));
  // At step 20: the cropped skip and what the last up-convolution made, 392² × 64 each, and the result, 390² × 64.
  CHECK(predicting->steps.bound_bytes == 4 * (2 * 392 * 392 * 64 + 390 * 390 * 64));
  CHECK(predicting->steps.peak_bytes == predicting->steps.bound_bytes);
  auto const learning = lower(differentiate(*forward));
  CHECK(learning->steps.steps.size() == 67);
  CHECK(learning->steps.bound_bytes < 621'000'000);
  CHECK(learning->steps.peak_bytes < 621'500'000);
}

TEST_CASE("no named network needs half a percent more memory than its bound") {
  SUBCASE("unet_2015") { tight<unet_2015>({1, 572, 572}); }
  SUBCASE("unet_2015_release") { tight<unet_2015_release>({1, 572, 572}); }
  SUBCASE("unet_small") { tight<unet_small>({1, 256, 256}); }
  SUBCASE("residual_unet") { tight<residual_unet>({1, 256, 256}); }
  SUBCASE("unet_plus_plus") { tight<unet_plus_plus>({1, 256, 256}); }
}

TEST_CASE("whatever the tile, the paper's network needs at most 9 % more memory than its bound") {
  int tiles = 0;
  for (int size = 1; size < 1000; ++tiles) {
    auto const forward = forward_graph<unet_2015>({1, size, size}, 1, 1);
    for (bool const training : {false, true}) {
      auto const low = lower(training ? differentiate(*forward) : for_inference(*forward));
      CHECK(fault(low->placed) == "");
      CHECK(low->steps.peak_bytes <= low->steps.bound_bytes / 100 * 109);
    }
    size = forward->values[0].size.width + 1;
  }
  CHECK(tiles == (1004 - 188) / 16 + 1);
}

TEST_CASE("every read of the named networks finds what it wants") {
  SUBCASE("unet_2015") {
    auto const forward = forward_graph<unet_2015>({1, 1, 1}, 1, 1);
    check_addresses(for_inference(*forward));
    check_addresses(differentiate(*forward));
  }
  SUBCASE("unet_2015_release") { check_addresses(for_inference(*forward_graph<unet_2015_release>({1, 1, 1}, 1, 1))); }
  SUBCASE("residual_unet") { check_addresses(differentiate(*forward_graph<residual_unet>({1, 16, 24}, 1, 1))); }
  SUBCASE("unet_plus_plus") { check_addresses(differentiate(*forward_graph<unet_plus_plus>({1, 16, 32}, 1, 1))); }
}

TEST_CASE("fused equals unfused for the small named network") { check_laws<unet_small>({1, 8, 16}, 1, 1); }
