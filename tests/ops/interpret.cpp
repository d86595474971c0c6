// A run of a whole graph: that each op reads and writes what the graph says.
#include <doctest/doctest.h>

#include "testing.hpp"

#include <oxbow/check/trace.hpp>
#include <oxbow/lower/inference.hpp>
#include <oxbow/ops/interpret.hpp>
using namespace oxbow;
using namespace oxbow::testing;
using ops::tensor;

namespace {

/// The elements of parameter tensor i.
std::vector<double> part(flat_graph const& net, std::vector<double> const& arena, int i) {
  auto const first = arena.begin() + static_cast<std::ptrdiff_t>(net.parameters[i].offset);
  return {first, first + static_cast<std::ptrdiff_t>(net.parameters[i].count())};
}
ops::filter<double> filter_of(flat_graph const& net, std::vector<double> const& arena, int i) {
  ops::filter<double> w{net.parameters[i].rows, net.parameters[i].columns, net.parameters[i].window};
  w.data = part(net, arena, i);
  return w;
}
/// An arena of random numbers, in which running variances are positive.
std::vector<double> random_arena(flat_graph const& net, std::uint64_t seed) {
  auto arena = random_numbers(net.parameter_count, seed);
  for (auto const& p : net.parameters)
    if (p.is == role::running_variance)
      for (std::int64_t i = 0; i < p.count(); ++i) arena[static_cast<std::size_t>(p.offset + i)] += 1.5;
  return arena;
}

}  // namespace

TEST_CASE("a network computes what its ops compute one after the other") {
  using net_type = level<seq<conv<3>, relu>, seq<max_pool<2>, conv<2, 3, pad::mirror>, gelu, up_conv<2>>,
                         seq<conv<2, 3, pad::zero>, avg_pool<2>, upsample<2, interpolation::bilinear>>>;
  auto const t = infer<net_type>({1, 10, 14}, 1, 2);
  REQUIRE(t.first.broken == rule::none);
  auto const& net = t.net;
  auto const theta = random_arena(net, 1);
  auto const x = random_tensor({1, 10, 14}, 2, 2);

  auto const e = ops::activate(ops::convolve(x, filter_of(net, theta, 0), part(net, theta, 1), {{1, 3, 3}}),
                               function_of<relu>::self);
  auto inner = ops::mirror(ops::max_pool(e, {1, 2, 2}).y, {0, 1, 1});
  inner = ops::convolve(inner, filter_of(net, theta, 2), part(net, theta, 3), {{1, 3, 3}});
  inner =
      ops::up_convolve(ops::activate(inner, function_of<gelu>::self), filter_of(net, theta, 4), part(net, theta, 5));
  auto y =
      ops::convolve(ops::join(e, inner), filter_of(net, theta, 6), part(net, theta, 7), {{1, 3, 3}, {}, {}, {0, 1, 1}});
  y = ops::upsample_linear(ops::avg_pool(y, {1, 2, 2}), {1, 2, 2});

  auto const run = ops::interpret(net, x, theta);
  CHECK(run.output().size == extent{1, 8, 12});
  CHECK(run.output().data == y.data);
  CHECK(run.parameters == theta);
}

TEST_CASE("float and double agree to float's rounding") {
  using net_type = seq<conv<4, 3, pad::zero>, instance_norm, silu, conv<3, 3>, group_norm<3>, elu, conv<2, 1>>;
  auto const net = infer<net_type>({3, 6, 5}, 0, 1).net;
  auto const theta = random_arena(net, 1);
  auto const x = random_tensor({3, 6, 5}, 1, 2);
  std::vector<float> const small_theta(theta.begin(), theta.end());
  tensor<float> small{x.size, 1};
  small.data.assign(x.data.begin(), x.data.end());
  auto const exact = ops::interpret(net, x, theta).output();
  auto const rounded = ops::interpret(net, small, small_theta).output();
  // Eight ops, each rounding its elements by 2^−24 relative. Norms divide by deviations above 0.3 and sums of up to
  // 4 · 27 weights below 1 grow the error of values below 4: 8 · 2^−24 · 4 · 108 / 0.3 bounds it; in fact most of it
  // averages out.
  for (std::size_t i = 0; i < exact.data.size(); ++i) CHECK(std::abs(exact.data[i] - rounded.data[i]) < 7e-4);
  CHECK(exact.data.size() == rounded.data.size());
}

TEST_CASE("dropout acts while training only, with the mask of its layer") {
  auto const net = infer<seq<dropout<0.5f>, dropout<0.25f>>>({1, 4, 5}, 1, 3).net;
  auto const x = random_tensor({1, 4, 5}, 3, 1);
  CHECK(ops::interpret(net, x, {}).output().data == x.data);
  random_key const key{9, 4, 1};
  auto const expected = ops::drop(ops::drop(x, ops::drop_stream(key, 0), 0.5f), ops::drop_stream(key, 1), 0.25f);
  CHECK(ops::interpret(net, x, {}, {.training = true, .key = key}).output().data == expected.data);
}

TEST_CASE("a batch norm trains with the tile's statistics and predicts with the running ones") {
  auto const net = infer<batch_norm>({1, 3, 4}, 1, 2).net;
  auto const x = random_tensor({1, 3, 4}, 2, 1);
  auto const theta = random_arena(net, 2);
  auto const scale = part(net, theta, 0), shift = part(net, theta, 1);
  auto mean = part(net, theta, 2), variance = part(net, theta, 3);

  auto const predicted = ops::interpret(net, x, theta);
  CHECK(predicted.output().data == ops::norm(x, ops::running_statistics(mean, variance), scale, shift).data);
  CHECK(predicted.parameters == theta);

  auto const trained = ops::interpret(net, x, theta, {.training = true});
  CHECK(trained.output().data == ops::norm(x, ops::norm_statistics(x, 2), scale, shift).data);
  ops::update_running(x, mean, variance);
  CHECK(part(net, trained.parameters, 0) == scale);
  CHECK(part(net, trained.parameters, 1) == shift);
  CHECK(part(net, trained.parameters, 2) == mean);
  CHECK(part(net, trained.parameters, 3) == variance);
}

TEST_CASE("instance and group norms use the tile's statistics always") {
  auto const net = infer<seq<instance_norm, group_norm<2>>>({1, 3, 4}, 1, 4).net;
  auto const x = random_tensor({1, 3, 4}, 4, 1);
  auto const theta = random_arena(net, 2);
  auto const once = ops::norm(x, ops::norm_statistics(x, 4), part(net, theta, 0), part(net, theta, 1));
  auto const twice = ops::norm(once, ops::norm_statistics(once, 2), part(net, theta, 2), part(net, theta, 3));
  CHECK(ops::interpret(net, x, theta).output().data == twice.data);
  CHECK(ops::interpret(net, x, theta, {.training = true}).output().data == twice.data);
}

TEST_CASE("the graph that predicts computes what the forward graph computes when not training") {
  using net_type = level<seq<conv<3>, batch_norm, relu, dropout<0.3f>>,
                         seq<max_pool<2>, batch_norm, conv<4, 3, pad::zero>, up_conv<2>, batch_norm>,
                         seq<residual<seq<conv<5, 3, pad::zero>, batch_norm>>, relu>>;
  auto const net = infer<net_type>({1, 10, 8}, 1, 1).net;
  auto const lean = for_inference(net);
  int norms = 0;
  for (auto const& o : lean.ops) norms += o.kind == op_kind::norm || o.kind == op_kind::norm_running;
  CHECK(norms == 1);  // behind the pooling; the others have folded
  auto const x = random_tensor({1, 10, 8}, 1, 1);
  auto const theta = random_arena(net, 2);
  CHECK(ops::interpret(lean, x, theta).output().data == ops::interpret(net, x, theta).output().data);
}

TEST_CASE("inputs that do not fit are errors that say what does") {
  auto const net = infer<conv<2>>({1, 4, 5}, 1, 1).net;
  tensor<double> const x{{1, 4, 5}, 1};
  std::vector<double> const theta(20);
  CHECK_NOTHROW(ops::interpret(net, x, theta));
  CHECK_THROWS_WITH_AS(ops::interpret(net, x, std::vector<double>(19)),
                       "interpret: 19 parameters are given, but the network has 20: pass its whole arena.",
                       std::runtime_error);
  CHECK_THROWS_WITH_AS(
      ops::interpret(net, tensor<double>{{1, 4, 4}, 1}, theta),
      "interpret: op 0 (kind 0) makes 1 channels of 4 x 4, but its value is declared as 1 channels of 4 x 5.",
      std::runtime_error);
  CHECK_THROWS_AS(ops::interpret(net, tensor<double>{{1, 4, 5}, 2}, theta), std::runtime_error);
}

TEST_CASE("a graph whose ops do not fit together is an error") {
  tensor<double> const x{{1, 4, 5}, 1};
  auto const broken = [](auto&& change) {
    auto net = infer<seq<max_pool<1>, relu>>({1, 4, 5}, 1, 1).net;
    change(net);
    return net;
  };
  CHECK_THROWS_AS(ops::interpret(broken([](flat_graph& n) { n.ops[1].in[0] = 2; }), x, {}), std::runtime_error);
  CHECK_THROWS_AS(ops::interpret(broken([](flat_graph& n) { n.ops[1].in[0] = none; }), x, {}), std::runtime_error);
  CHECK_THROWS_AS(ops::interpret(broken([](flat_graph& n) { n.values[2].channels = 2; }), x, {}), std::runtime_error);
  CHECK_THROWS_AS(ops::interpret(broken([](flat_graph& n) { n.ops[2].kind = op_kind::convolve; }), x, {}),
                  std::runtime_error);
  CHECK_THROWS_AS(
      ops::interpret(broken([](flat_graph& n) { n.ops[2].kind = op_kind::slice, n.ops[2].channel = 1; }), x, {}),
      std::runtime_error);
}
