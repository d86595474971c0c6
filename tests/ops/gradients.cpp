// The gradients of whole networks agree with central differences of the interpreted loss.
#include <doctest/doctest.h>

#include "testing.hpp"

#include <oxbow/check/trace.hpp>
#include <oxbow/lower/differentiate.hpp>
#include <oxbow/ops/interpret.hpp>
using namespace oxbow;
using namespace oxbow::testing;
using ops::tensor;

namespace {

/// A training graph with everything that a loss needs.
struct experiment {
  flat_graph net;
  tensor<double> image;
  std::vector<double> theta;
  ops::context<double> given{.training = true, .key = {5, 2, 1}};

  experiment(tracer const& t, std::uint64_t seed, loss_function const& minimised = loss_of<cross_entropy>::self,
             supervised_values const& besides = supervised_values{})
      : net{differentiate(t.net, minimised, besides)} {
    REQUIRE(t.first.broken == rule::none);
    auto const& in = net.values[0];
    auto const& out = net.values[t.net.output];
    image = random_tensor(in.size, in.channels, seed);
    theta = random_numbers(net.parameter_count, seed + 1);
    given.weights = random_tensor(out.size, 1, seed + 2);
    for (double& w : given.weights.data) w += 1.25;
    for (int i = 0; i < out.size.volume(); ++i)
      given.labels.push_back(i % 7 == 3 ? ignored : static_cast<std::uint8_t>(i * 5 % 3 % out.channels));
    for (auto const& p : net.parameters) {
      // He's deviation for what is multiplied, so that activations stay of the order of 1; 1 ± ½ for a scale
      double const fan_in = static_cast<double>(p.columns * p.window.volume());
      for (std::int64_t i = 0; i < p.count(); ++i) {
        double& v = theta[static_cast<std::size_t>(p.offset + i)];
        if (p.is == role::weight) v *= 2 / std::sqrt(fan_in);
        if (p.is == role::scale) v = 1 + v / 2;
      }
    }
  }
  double loss() const { return ops::interpret(net, image, theta, given).loss(); }
};

/// How far slopes by central differences with this step may be off: step² / 6 times a third derivative, which the
/// smooth networks here keep below 1e4 (1.7e-9), and the rounding of the loss: a few hundred roundings of 2^−53 of
/// a loss below 10, over the step (1e-7). A kink nearer than the step is a matter of luck, and the numbers are fixed.
constexpr double step = 1e-6, tolerance = 2e-7;

void check(experiment e);
template <class Net> void check(extent size, int first_axis, int channels) {
  check(experiment{infer<Net>(size, first_axis, channels), 1});
}
void check(experiment e) {
  auto const run = ops::interpret(e.net, e.image, e.theta, e.given);
  REQUIRE(static_cast<std::int64_t>(run.gradients.size()) == e.net.trained_count);
  CHECK(std::isfinite(run.loss()));
  CHECK(run.loss() > 0.01);

  for (auto const& p : e.net.parameters) {
    if (!is_trained(p.is)) continue;
    std::int64_t const stride = p.count() / 4 + 1;  // four elements of each tensor, by themselves
    for (std::int64_t i = 0; i < p.count(); i += stride) {
      auto const at = static_cast<std::size_t>(p.offset + i);
      double const numeric = slope([&] { return e.loss(); }, e.theta[at], step);
      INFO(spelling(p.is), " tensor ", &p - e.net.parameters.begin(), ", element ", i, ": analytic ", run.gradients[at],
           ", numeric ", numeric);
      CHECK(std::abs(numeric - run.gradients[at]) < tolerance);
    }
  }

  // and all elements at once, along directions of length about 1
  auto const theta = e.theta;
  for (std::uint64_t seed = 20; seed < 24; ++seed) {
    auto direction = random_numbers(e.net.trained_count, seed);
    for (double& d : direction) d /= std::sqrt(static_cast<double>(direction.size()) / 3);
    double along = 0;
    double const numeric = slope(
        [&] {
          for (std::size_t i = 0; i < direction.size(); ++i) e.theta[i] = theta[i] + along * direction[i];
          return e.loss();
        },
        along, step);
    CHECK(std::abs(numeric - dot(direction, run.gradients)) < tolerance);
  }
}

}  // namespace

TEST_CASE("a plain U-Net with every smooth activation") {
  check<level<seq<conv<3>, silu, conv<3>, gelu>, seq<max_pool<2>, conv<4, 3, pad::zero>, elu, up_conv<3>, sigmoid>,
              seq<conv<3, 3, pad::zero>, silu, conv<3, 1>>>>({1, 12, 14}, 1, 2);
}

TEST_CASE("kinks: relu and leaky relu") {
  check<seq<conv<4, 3, pad::zero>, relu, conv<4>, leaky_relu<>, conv<2, 1>>>({1, 6, 7}, 1, 1);
}

TEST_CASE("an activation whose output is only pooled and cropped, or not only") {
  check<level<seq<conv<3>, sigmoid>, seq<max_pool<2>, conv<4>, elu, up_conv<2>>, conv<2, 1>>>({1, 12, 16}, 1, 1);
  check<level<seq<conv<3>, elu>, seq<max_pool<2>, conv<4, 3, pad::zero>, silu, up_conv<2>>, conv<2, 1>,
              join::concat>>({1, 8, 10}, 1, 1);
  check<seq<conv<3>, sigmoid, max_pool<2>, conv<3>, elu, max_pool<3>, conv<2, 1>>>({1, 18, 18}, 1, 1);
  check<level<seq<conv<2>, sigmoid>, seq<max_pool<2>, conv<3, 3, pad::zero>, up_conv<2>>, conv<2, 1>>>({6, 10, 8}, 0, 1);
  // pooled, and supervised: cropped, and as it is
  using net = graph<node<"x", seq<conv<3>, sigmoid>, "input">, node<"low", seq<max_pool<2>, upsample<2>>, "x">,
                    node<"out", conv<3>, "low">>;
  auto const traced = infer<net>({1, 12, 14}, 1, 1);
  supervised_values besides;
  besides.push({traced.net.find("x"), &loss_of<weighted_loss<cross_entropy, 0.5f>>::self});
  check(experiment{traced, 1, loss_of<cross_entropy>::self, besides});
  using same = graph<node<"x", seq<conv<3>, sigmoid>, "input">, node<"low", seq<max_pool<2>, upsample<2>>, "x">,
                     node<"out", conv<3, 3, pad::zero>, "low">>;
  auto const as_large = infer<same>({1, 12, 14}, 1, 1);
  supervised_values itself;
  itself.push({as_large.net.find("x"), &loss_of<weighted_loss<cross_entropy, 0.5f>>::self});
  check(experiment{as_large, 1, loss_of<cross_entropy>::self, itself});
}

TEST_CASE("each way to join a skip") {
  check<level<conv<3>, seq<max_pool<2>, conv<4>, silu, up_conv<2>>, conv<2, 1>>>({1, 12, 16}, 1, 1);
  check<level<conv<3>, seq<avg_pool<2>, conv<4, 3, pad::zero>, silu, up_conv<2>>, conv<2, 1>, join::concat>>({1, 8, 10},
                                                                                                             1, 1);
  check<level<conv<3>, seq<max_pool<2>, conv<4, 3, pad::zero>, silu, up_conv<3>>, conv<2, 1>, join::add>>({1, 8, 10}, 1,
                                                                                                          1);
}

TEST_CASE("nested levels, a level that reads the image itself") {
  check<level<
      seq<>,
      seq<avg_pool<2>, level<conv<2, 3, pad::zero>, seq<max_pool<2>, conv<3, 1>, silu, up_conv<2>>, silu>, up_conv<2>>,
      seq<conv<3, 3, pad::zero>>, join::concat>>({1, 8, 12}, 1, 1);
}

TEST_CASE("residuals: identity, projection, and a body that shrinks") {
  check<seq<conv<3>, residual<seq<conv<3, 3, pad::zero>, silu>>, residual<seq<conv<4>, gelu>, conv<4, 1>>,
            residual<conv<4>>, conv<2, 1>>>({1, 9, 10}, 1, 1);
}

TEST_CASE("a graph with wires across, one value read three times") {
  check<graph<node<"a", seq<conv<2, 3, pad::zero>, silu>, "input">, node<"b", seq<conv<3, 3, pad::zero>, silu>, "a">,
              node<"c", seq<conv<2, 1>, gelu>, "a", "b", "input">, node<"d", conv<3, 1>, "c", "a", "c">>>({1, 5, 6}, 1,
                                                                                                          2);
}

TEST_CASE("a node that nobody reads has no gradient") {
  experiment e{
      infer<graph<node<"used", conv<2>, "input">, node<"dead", conv<5>, "input">, node<"out", conv<2, 1>, "used">>>(
          {1, 5, 5}, 1, 1),
      1};
  auto const run = ops::interpret(e.net, e.image, e.theta, e.given);
  for (int i = 2; i < 4; ++i)
    for (std::int64_t k = 0; k < e.net.parameters[i].count(); ++k)
      CHECK(run.gradients[static_cast<std::size_t>(e.net.parameters[i].offset + k)] == 0);
  CHECK(dot(run.gradients, run.gradients) > 0);
}

TEST_CASE("the loss of a supervised branch is that of its enlarged middle, and all gradients follow") {
  // 20 × 22 → 18 × 20 → 9 × 10 → 7 × 8, which enlarged is 14 × 16; → 12 × 14, the output.
  using net = graph<node<"x", seq<conv<3>, silu>, "input">,
                    node<"low", seq<avg_pool<2>, conv<4>, gelu, branch<"half", conv<2, 1>>, upsample<2>>, "x">,
                    node<"full", conv<2, 1>, "low">, node<"out", conv<2>, "low">>;
  auto const traced = infer<net>({1, 20, 22}, 1, 1);
  int const half = traced.net.find("half"), full = traced.net.find("full");
  REQUIRE(traced.net.values[half].size == extent{1, 7, 8});
  REQUIRE(traced.net.values[traced.net.output].size == extent{1, 12, 14});
  supervised_values besides;
  besides.push({half, &loss_of<weighted_loss<cross_entropy, 0.5f>>::self});
  besides.push({full, &loss_of<weighted_loss<focal<>, 0.25f>>::self});
  experiment const e{traced, 1, loss_of<dice_and_cross_entropy>::self, besides};
  check(e);

  // The three losses once more, from the logits alone.
  auto const run = ops::interpret(e.net, e.image, e.theta, e.given);
  double expected = 0, n = 0;
  for (auto const l : e.given.labels) n += l != ignored;
  auto const probability = [](tensor<double> const& x, int c, ops::pixel p) {
    return std::exp(x(c, p)) / (std::exp(x(0, p)) + std::exp(x(1, p)));
  };
  auto const& low = run.values[static_cast<std::size_t>(half)];
  auto const& high = run.values[static_cast<std::size_t>(full)];
  auto const& out = run.values[static_cast<std::size_t>(traced.net.output)];
  double both[2]{}, predicted[2]{}, truth[2]{};
  ops::for_each_pixel({1, 12, 14}, [&](ops::pixel p) {
    int const label = e.given.labels[static_cast<std::size_t>(p.y * 14 + p.x)];
    if (label == ignored) return;
    double const w = e.given.weights(0, p), share = w / n;
    expected += share * 0.5 * -std::log(probability(low, label, {0, (p.y + 1) / 2, (p.x + 1) / 2}));
    double const sure = probability(high, label, {0, p.y + 1, p.x + 1});
    expected += share * 0.25 * -(1 - sure) * (1 - sure) * std::log(sure);
    expected += share * 0.5 * -std::log(probability(out, label, p));
    for (int c = 0; c < 2; ++c) {
      double const s = probability(out, c, p);
      both[c] += c == label ? w * s : 0, predicted[c] += w * s, truth[c] += c == label ? w : 0;
    }
  });
  for (int c = 0; c < 2; ++c) expected += 0.5 * 0.5 * (1 - (2 * both[c] + 2) / (predicted[c] + truth[c] + 2));
  CHECK(run.loss() == doctest::Approx(expected).epsilon(1e-12));
}

TEST_CASE("norms of every kind, next to everything") {
  check<seq<conv<4, 3, pad::zero>, batch_norm, silu, conv<4>, instance_norm, gelu, conv<6>, group_norm<3>, elu,
            conv<2, 1>>>({1, 8, 9}, 1, 1);
  check<seq<batch_norm, conv<4>, silu, group_norm<1>, conv<3, 1>>>({1, 6, 6}, 1, 3);
  check<seq<conv<4>, silu, instance_norm>>({1, 6, 7}, 1, 1);  // the output itself
  check<level<seq<conv<4, 3, pad::zero>, group_norm<2>>, seq<max_pool<2>, instance_norm, up_conv<4>>,
              seq<batch_norm, conv<3, 1>>, join::add>>({1, 8, 6}, 1, 1);
}

TEST_CASE("strides, dilations and mirrored borders") {
  check<seq<conv<3, 3, pad::zero, 2>, silu, conv<3, 3, pad::mirror, 1, 2>, silu, conv<3, 3, pad::valid, 1, 2>,
            conv<2, 1>>>({1, 12, 14}, 1, 1);
  check<seq<conv<3, 5, pad::mirror>, silu, conv<3, 3, pad::mirror, 2>, silu, conv<2, 3, pad::valid, 2>>>({1, 10, 14}, 1,
                                                                                                         2);
  check<seq<conv<2, 3, pad::zero, 2, 3>, silu, conv<2, 2>, silu, conv<2, 1, pad::valid, 2>>>({1, 12, 12}, 1, 1);
}

TEST_CASE("enlarging and shrinking without parameters") {
  check<seq<conv<3>, silu, avg_pool<2>, conv<3, 1>, upsample<2, interpolation::bilinear>, conv<2, 3, pad::zero>>>(
      {1, 8, 10}, 1, 1);
  check<seq<conv<3>, silu, avg_pool<3>, conv<3, 1>, upsample<3>, conv<2, 3, pad::zero>>>({1, 8, 11}, 1, 1);
  check<seq<conv<3>, max_pool<3>, upsample<2>, conv<2, 1>>>({1, 8, 11}, 1, 1);
}

TEST_CASE("dropout, forward and backward with one mask") {
  check<seq<conv<4>, silu, dropout<0.5f>, conv<4>, gelu, dropout<0.2f>, conv<2, 1>>>({1, 8, 8}, 1, 1);
}

TEST_CASE("three dimensions") {
  check<level<seq<conv<2>, silu>, seq<max_pool<2>, conv<3, 3, pad::mirror>, instance_norm, gelu, up_conv<2>>,
              seq<conv<2, 3, pad::zero>, batch_norm>>>({6, 8, 6}, 0, 1);
  check<seq<conv<2, 3, pad::zero, 2>, silu, avg_pool<2>, conv<2, 1>, upsample<2, interpolation::bilinear>,
            dropout<0.3f>, conv<2, 1>>>({4, 8, 4}, 0, 2);
}

TEST_CASE("one pixel, one channel") {
  check<seq<conv<1, 1>, silu, conv<2, 1>>>({1, 1, 1}, 1, 1);
  check<seq<conv<2, 3, pad::zero>, silu, up_conv<2>>>({1, 1, 1}, 1, 1);
}
