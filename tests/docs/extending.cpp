// The examples of docs/extending.md: layers, rules and maps of one's own, and two looks at a plan.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <oxbow/host/network.hpp>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>
#include <oxbow/ops/interpret.hpp>
#include <oxbow/predict/predict.hpp>

// [activation]
namespace lab {
/// x² above zero, 0 below. The derivative is a function of the output, so the input need not be kept.
struct squared_relu {
  static float value(float x) { return x > 0 ? x * x : 0; }
  static float derivative(oxbow::at_output a) { return 2 * std::sqrt(a.y); }
};
static_assert(oxbow::activation<squared_relu>);
}  // namespace lab
// [/activation]

// [layer]
namespace lab {
/// Halves the image and doubles its channels, however many those are.
struct down_and_double {};

constexpr void trace(down_and_double, oxbow::tracer& t) {
  int const channels = 2 * t.here().channels;
  t.max_pool(2);
  t.convolve(channels, 3, oxbow::pad::zero);
  trace_layer(oxbow::relu{}, t);
}
}  // namespace lab
// [/layer]

// [combinator]
namespace lab {
/// Each layer reads what came in and what all layers before it made: xₙ₊₁ = [xₙ, Layer(xₙ)].
/// source  Huang et al.: Densely connected convolutional networks. 2017
template <class... Layers> struct dense {};

template <class... Layers> constexpr void trace(dense<Layers...>, oxbow::tracer& t) {
  auto const one = [&](auto layer) {
    int const before = t.at;
    trace_layer(layer, t);
    t.join(before, oxbow::join::concat);
  };
  (one(Layers{}), ...);
}
}  // namespace lab
// [/combinator]

using namespace oxbow;

namespace {

// [together]
template <int F> using grow = seq<conv<F, 3, pad::zero>, lab::squared_relu>;
using net = seq<level<seq<conv<8, 3, pad::zero>, relu>,
                      seq<lab::down_and_double, lab::dense<grow<4>, grow<4>>, up_conv<8>>,
                      grow<8>>,
                conv<2, 1>>;
using small = model<net, tile<24, 28>>;
static_assert(small::output == small::tile && small::alignment == 2);
// [/together]

// [plain_network]
/// A back end in a dozen lines: prediction by the scalar oracle. predict() takes it like any other network.
template <class Model> struct plain_network {
  using model_type = Model;
  std::vector<float> parameters;

  void infer(image_view<float const> tile, image_view<float> logits) const {
    auto const x = ops::make_tensor<float>(
        tile.size, tile.channels, [&](int c, ops::pixel p) { return tile(p.z, p.y, p.x, c); });
    ops::tensor<float> const y = ops::interpret(Model::lowered_::predicting, x, parameters).output();
    ops::for_each_pixel(logits.size, [&](ops::pixel p) {
      for (int c = 0; c < logits.channels; ++c) logits(p.z, p.y, p.x, c) = y(c, p);
    });
  }
};
// [/plain_network]

// [least_seconds]
/// What a machine with these peaks needs at the least: every step makes its products and moves its bytes.
template <class Program> double least_seconds(double products_per_second, double bytes_per_second) {
  double sum = 0;
  for (plan_step const& s : Program::steps.steps)
    sum += std::max(static_cast<double>(s.multiply_adds) / products_per_second,
                    static_cast<double>(s.bytes_read + s.bytes_written) / bytes_per_second);
  return sum;
}
// [/least_seconds]

// [kernels]
/// The kernels that a program asks for: one per form, however many steps have it.
template <class Program> std::vector<form> kernels() {
  std::vector<form> all;
  for (plan_step const& s : Program::steps.steps)
    if (std::find(all.begin(), all.end(), s.what) == all.end()) all.push_back(s.what);
  return all;
}
// [/kernels]

image<float> noise(extent size) {
  image<float> x(size);
  random_stream const r{3, purpose::example_data};
  for (std::size_t i = 0; i < x.data.size(); ++i) x.data[i] = r.uniform(i, -1, 1);
  return x;
}

}  // namespace

TEST_CASE("layers of one's own give on the host what the oracle gives") {
  network<small, host> mine{host{2}, seed{5}};
  plain_network<small> const plain{{mine.parameters().begin(), mine.parameters().end()}};
  image<float> const x = noise({1, 33, 41});
  image<float> const a = predict(mine, x), b = predict(plain, x);
  // Six sums of at most 9 · 16 products each on top of each other, relative to probabilities of at most 1.
  for (std::size_t i = 0; i < a.data.size(); ++i) CHECK(std::abs(a.data[i] - b.data[i]) <= 6 * 144 * 0x1p-24f);
}

TEST_CASE("a function of one's own is fused into the convolution before it") {
  plan const& p = small::inference::steps;
  for (auto const& s : p.steps) {
    op_kind const anchor = s.what.kind(s.what.anchor);
    CHECK((anchor == op_kind::convolve || anchor == op_kind::up_convolve));
  }
  CHECK(p.steps.size() == 6);
  CHECK(kernels<small::inference>().size() < static_cast<std::size_t>(p.steps.size()));
}

TEST_CASE("a machine without end needs no time, and half a machine twice the time") {
  using program = small::inference;
  double const endless = std::numeric_limits<double>::infinity();
  CHECK(least_seconds<program>(endless, endless) == 0);
  CHECK(least_seconds<program>(1, endless) == static_cast<double>(small::multiply_adds));
  CHECK(least_seconds<program>(5e9, 1e9) == 2 * least_seconds<program>(1e10, 2e9));
}
