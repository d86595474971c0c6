// Fused equals unfused whatever is fused: each of the 32 choices, and all of it with narrow heads and with gradients
// that wait.
#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include <oxbow/lower/differentiate.hpp>

#include "law.hpp"
#include "networks.hpp"
using namespace oxbow;
using namespace oxbow::testing;

TEST_CASE("fused equals unfused for each choice of fusions") {
  std::vector<int> all(32);
  std::iota(all.begin(), all.end(), 0);
  for (int const bits : {47, 63, 127}) all.push_back(bits);
  SUBCASE("the paper's pattern") { check_laws<small_paper>({1, 40, 44}, 1, 1, all); }
  SUBCASE("a graph with wires across") { check_laws<crossed>({1, 8, 6}, 1, 1, all); }
  SUBCASE("nested skips") { check_laws<plus_plus>({1, 8, 12}, 1, 2, all); }
  SUBCASE("norms in every place") { check_laws<norms_everywhere>({1, 10, 8}, 1, 2, all); }
  SUBCASE("mirrored borders around a join") { check_laws<mirrored_skip>({1, 8, 12}, 1, 1, all); }
  SUBCASE("windows of 9 and 25 places") { check_laws<large_windows>({1, 15, 30}, 1, 1, all); }
  SUBCASE("channels beyond one block") { check_laws<wide>({1, 6, 4}, 1, 2, all); }
  SUBCASE("a residual without projection") { check_laws<identity_residual>({1, 9, 8}, 1, 1, all); }
  SUBCASE("the output is a join") { check_laws<ends_in_a_join>({1, 8, 8}, 1, 1, all); }
  SUBCASE("the image is the skip") { check_laws<image_is_the_skip>({1, 12, 10}, 1, 2, all); }
  SUBCASE("more functions than a step takes") { check_laws<chain_of_functions>({1, 6, 6}, 1, 1, all); }
  SUBCASE("3-D with everything") { check_laws<volume_of_everything>({6, 9, 6}, 0, 2, all); }
}

TEST_CASE("gradients of weights wait for their kind until there is enough of them, and nothing else moves") {
  auto const forward = forward_graph<small_paper>({1, 44, 48}, 1, 1);
  auto const net = std::make_unique<flat_graph>(differentiate(*forward, loss_of<cross_entropy>::self));
  auto const unmoved = lower(*net);
  std::int64_t most = 0;
  for (op const& o : net->ops)
    if (can_wait(*net, o)) most = std::max(most, work_of(*net, o));
  for (std::int64_t const together : {std::int64_t{1}, most / 2, most, 2 * most, 1000 * most}) {
    CAPTURE(together);
    auto const moved = lower(*net, {.gradients_together = together});
    std::vector<int> of_kind[2][3];  // in either plan: 3x3 gradients, other ones, and what is none
    for (int m = 0; m < 2; ++m)
      for (int const a : (m ? moved : unmoved)->fused.anchor)
        of_kind[m][can_wait(*net, net->ops[a]) ? kind_of_waiting(net->ops[a]) : 2].push_back(a);
    for (int kind = 0; kind < 3; ++kind) {
      CHECK(of_kind[0][kind] == of_kind[1][kind]);
      CHECK(of_kind[0][kind].size() >= 3);
    }
    // a run of one kind ends where there is enough, or where no more comes
    int runs = 0;
    std::int64_t work[2] = {};
    for (int s = 0; s < moved->fused.count(); ++s) {
      op const& o = net->ops[moved->fused.anchor[s]];
      if (!can_wait(*net, o)) continue;
      int const kind = kind_of_waiting(o);
      work[kind] += work_of(*net, o);
      bool const goes_on = s + 1 < moved->fused.count() && can_wait(*net, net->ops[moved->fused.anchor[s + 1]]) &&
                           kind_of_waiting(net->ops[moved->fused.anchor[s + 1]]) == kind;
      if (goes_on) continue;
      CHECK((work[kind] >= together || o.parameter == net->ops[of_kind[0][kind].back()].parameter));
      work[kind] = 0, ++runs;
    }
    if (together > most * 100) CHECK(runs == 2);
  }
  // of numbers for which there is no other kernel, others stay where they are
  auto const some = lower(*net, {.gradients_together = 1000 * most, .only_3x3_together = true});
  std::vector<int> rest, rest_unmoved;
  for (bool const moved : {true, false})
    for (int const a : (moved ? some : unmoved)->fused.anchor)
      if (!can_wait(*net, net->ops[a]) || kind_of_waiting(net->ops[a]) != 0)
        (moved ? rest : rest_unmoved).push_back(a);
  CHECK(rest == rest_unmoved);
}

TEST_CASE("gradients of volumes, and of what reads the image, do not wait") {
  auto const check = [](flat_graph const& forward, bool none_waits) {
    auto const net = std::make_unique<flat_graph>(differentiate(forward, loss_of<cross_entropy>::self));
    auto const low = lower(*net, {.gradients_together = std::int64_t{1} << 60}), unmoved = lower(*net);
    bool same = true;
    for (int s = 0; s < low->fused.count(); ++s) {
      same = same && low->fused.anchor[s] == unmoved->fused.anchor[s];
      op const& o = net->ops[low->fused.anchor[s]];
      if (o.kind == op_kind::convolve_grad_weight && net->producer(o.in[1]).kind == op_kind::image)
        CHECK_FALSE(can_wait(*net, o));
    }
    CHECK(same == none_waits);
  };
  check(*forward_graph<small_volume>({18, 20, 18}, 0, 1), true);
  check(*forward_graph<small_paper>({1, 44, 48}, 1, 1), false);
}
