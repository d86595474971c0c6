// Recomputation under a budget: the same gradients, bit for bit, in less memory.
#include <doctest/doctest.h>

#include <utility>

#include <oxbow/lower/budget.hpp>
#include <oxbow/lower/differentiate.hpp>
#include <oxbow/net/named.hpp>

#include "law.hpp"
#include "networks.hpp"
using namespace oxbow;
using namespace oxbow::testing;

namespace {

/// The search at run time, down to a number of bytes or as low as it goes.
struct search {
  lowering const& low;
  detail::bookkeeper books;
  detail::ledger book;
  detail::sacrifices state;

  explicit search(lowering const& whole)
      : low{whole},
        books{low.fused, low.placed},
        book{detail::bookkeeper{low.fused, low.placed}.run()},
        state{detail::sacrifice_nothing(book)} {}

  detail::austerity down_to(std::int64_t bytes) {
    while (state.best.peak_bytes > bytes && !state.done) state = detail::give_up(book, state, bytes);
    return state.best.peak_bytes > bytes ? state.best : detail::take_back(book, state.best, bytes);
  }
};

bool same_values(flat_graph const& net, ops::interpretation<float> const& a, ops::interpretation<float> const& b) {
  for (int v = 0; v < net.values.size(); ++v)
    if (!same_bits(a.values[static_cast<std::size_t>(v)].data, b.values[static_cast<std::size_t>(v)].data))
      return false;
  return same_bits(a.gradients, b.gradients) && same_bits(a.parameters, b.parameters);
}

/// Holds one network to the laws at some budgets; returns how many values were made again at the lowest.
int check_budgets(flat_graph const& forward) {
  subject const s{forward};
  auto const net = std::make_unique<flat_graph>(differentiate(forward));
  auto const whole = lower(*net);
  auto const truth_run = ops::interpret(*net, s.image, s.parameters, s.given);
  truth const expected{*net, s, true};
  int most = 0;
  for (int const percent : {80, 50, 0}) {
    CAPTURE(percent);
    auto const books = std::make_unique<search>(*whole);
    CHECK(books->state.now.peak_bytes == whole->placed.bound_bytes);  // the ledger knows what is alive
    std::int64_t const budget = whole->placed.bound_bytes / 100 * percent;
    detail::austerity const a = books->down_to(budget);
    auto const again =
        std::make_unique<flat_graph>(repeat_in_backward(*net, detail::values_of(books->books, books->book, a)));
    REQUIRE_FALSE(again->overflows());
    auto const run = ops::interpret(*again, s.image, s.parameters, s.given);
    CHECK(same_values(*net, truth_run, run));

    auto const low = lower(*again);
    // The ledger does not see how copies fuse with what is around them, so it may be off by a step's tensor; the
    // front door therefore measures the plan, and aims lower if it must.
    CHECK(low->placed.bound_bytes <= a.peak_bytes / 100 * 105 + 1024);
    CHECK(low->placed.peak_bytes <= whole->placed.peak_bytes);
    CHECK(fault(low->placed) == "");
    CHECK(fault(*again, low->steps, s, expected, true) == "");
    most = again->ops.size() - net->ops.size();
  }
  return most;
}

template <class Net> int check(extent wish, int first_axis, int channels) {
  return check_budgets(*forward_graph<Net>(wish, first_axis, channels));
}

template <int N> int one() {
  CAPTURE(N);
  int const size = 8 << recipe<N>::levels >> 1;
  return check<generated<N>>({1, size, size + (1 << recipe<N>::levels)}, 1, 1 + N % 3);
}
template <int... N> int all(std::integer_sequence<int, N...>) { return (one<2 * N + 1>() + ...); }

}  // namespace

TEST_CASE("the paper's pattern") { CHECK(check<unet<2, 12>>({1, 60, 64}, 1, 1) > 1); }
TEST_CASE("the paper's pattern in 3-D") { check<small_volume>({18, 20, 18}, 0, 1); }
TEST_CASE("nested skips") { CHECK(check<plus_plus>({1, 12, 8}, 1, 2) > 5); }
TEST_CASE("norms, residuals and mirrored borders") {
  check<norms_everywhere>({1, 10, 8}, 1, 2);
  check<identity_residual>({1, 9, 8}, 1, 1);
  check<mirrored_skip>({1, 12, 16}, 1, 1);
  check<volume_of_everything>({6, 9, 12}, 0, 2);
}
TEST_CASE("a dropout that is repeated drops the same values") {
  using net = seq<conv<6>, relu, dropout<0.5f>, conv<6>, relu, dropout<0.3f>, conv<6>, relu, conv<2, 1>>;
  auto const training = std::make_unique<flat_graph>(differentiate(*forward_graph<net>({1, 12, 14}, 1, 1)));
  auto set = std::make_unique<value_set>();
  for (int i = 0; i < training->forward_ops; ++i)
    if (op const& o = training->ops[i]; o.kind == op_kind::drop) set->has[o.out[0]] = true;
  auto const again = std::make_unique<flat_graph>(repeat_in_backward(*training, *set));
  auto const drops = [](flat_graph const& g) {
    std::vector<int> at;
    for (int i = 0; i < g.ops.size(); ++i)
      if (g.ops[i].kind == op_kind::drop) at.push_back(i);
    return at;
  };
  REQUIRE(drops(*training).size() == 4);  // two forward, two backward
  REQUIRE(drops(*again).size() == 6);
  subject const s{*training};
  auto const run = ops::interpret(*again, s.image, s.parameters, s.given);
  int copies = 0;
  for (int const i : drops(*again)) {
    op const& o = again->ops[i];
    if (o.out[0] < training->values.size()) continue;
    for (int const k : drops(*again)) {
      op const& original = again->ops[k];
      if (k >= again->forward_ops || original.channel != o.channel) continue;
      CHECK(same_bits(run.values[static_cast<std::size_t>(o.out[0])].data,
                      run.values[static_cast<std::size_t>(original.out[0])].data));
      ++copies;
    }
  }
  CHECK(copies == 2);
}
TEST_CASE("activations whose derivative needs the input") {
  CHECK(check<seq<conv<6>, silu, dropout<0.3f>, conv<6>, gelu, dropout<0.5f>, conv<6>, silu, conv<2, 1>>>({1, 12, 14},
                                                                                                          1, 1) > 0);
}
TEST_CASE("networks without anything to make again") {
  CHECK(check<one_convolution>({1, 5, 7}, 1, 1) == 0);
  CHECK(check<no_parameters>({1, 4, 6}, 1, 2) == 0);
}
TEST_CASE("generated networks") { CHECK(all(std::make_integer_sequence<int, 12>{}) > 20); }
