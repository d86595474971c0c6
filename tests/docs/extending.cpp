// The examples of docs/extending.md: layers, rules and maps of one's own, and two looks at a plan.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <oxbow/host/network.hpp>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>
#include <oxbow/ops/interpret.hpp>
#include <oxbow/predict/predict.hpp>
#include <oxbow/train/loop.hpp>

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

// [loss]
namespace lab {
/// −log p + (1 − p), p the probability of the right class: pixels that are nearly right count a little more.
/// source  Leng et al.: PolyLoss. 2022, equation 6 with ε = 1
struct poly_loss {
  template <class Real> static Real value(oxbow::class_probabilities<Real> const& p) {
    return p.not_of(p.label) - p.log_of(p.label);
  }
  /// By the logarithm of the probability of class k.
  template <class Real> static Real derivative(oxbow::class_probabilities<Real> const& p, int k) {
    return k == p.label ? -1 - p.of(k) : Real{0};
  }
};
static_assert(oxbow::pixel_loss<poly_loss>);
}  // namespace lab
// [/loss]

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
template <class Program> std::vector<form> forms_in() {
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
  CHECK(forms_in<small::inference>().size() < static_cast<std::size_t>(p.steps.size()));
}

TEST_CASE("a machine without end needs no time, and half a machine twice the time") {
  using program = small::inference;
  double const endless = std::numeric_limits<double>::infinity();
  CHECK(least_seconds<program>(endless, endless) == 0);
  CHECK(least_seconds<program>(1, endless) == static_cast<double>(small::multiply_adds));
  CHECK(least_seconds<program>(5e9, 1e9) == 2 * least_seconds<program>(1e10, 2e9));
}

TEST_CASE("a loss of one's own: its gradients are the slopes of its value") {
  using smooth = model<seq<conv<5>, silu, conv<3, 1>>, tile<9, 12>, minimise<lab::poly_loss>>;
  network<smooth, host> mine{host{2}, seed{7}};
  image<float> const x = noise(smooth::tile);
  image<float> weights(smooth::output);
  label_image labels(smooth::output);
  for (std::size_t i = 0; i < labels.data.size(); ++i) {
    labels.data[i] = i % 7 == 0 ? ignored : static_cast<std::uint8_t>(i % 3);
    weights.data[i] = 0.5f + 0.25f * static_cast<float>(i % 4);
  }
  double const loss = mine.loss_and_gradients(x.view(), std::as_const(labels).view(), std::as_const(weights).view(),
                                              {1, 0, 0}, false);

  // The same loss in double, by the oracle.
  auto const in_double = ops::make_tensor<double>(x.size, 1, [&](int c, ops::pixel p) { return x(p.z, p.y, p.x, c); });
  std::vector<double> theta(std::as_const(mine).parameters().begin(), std::as_const(mine).parameters().end());
  auto const expected = [&] {
    auto const y = ops::interpret(smooth::lowered_::predicting, in_double, theta).output();
    double sum = 0, labelled = 0;
    ops::for_each_pixel(y.size, [&](ops::pixel p) {
      int const label = labels(p.z, p.y, p.x, 0);
      if (label == ignored) return;
      double total = 0;
      for (int c = 0; c < 3; ++c) total += std::exp(y(c, p) - y(label, p));
      sum += double{weights(p.z, p.y, p.x, 0)} * (std::log(total) + 1 - 1 / total);
      ++labelled;
    });
    return sum / labelled;
  };
  // Two convolutions forward and two back, the longest sum 70 pixels: 4 · 70 roundings of 2^−24 at the worst, and the
  // derivative passes on what the logits have lost, at most three times. Relative to the largest gradient.
  double const tolerance = 3 * 4 * 70 * 0x1p-24;
  CHECK(std::abs(loss - expected()) <= tolerance * loss);
  auto const gradients = mine.gradients();
  double most = 0;
  for (float const g : gradients) most = std::max(most, std::abs(double{g}));
  CHECK(most > 0.01);
  for (std::size_t i = 0; i < theta.size(); ++i) {
    // step² / 6 of a third derivative below 100, and 2^−53 / step: below 1e-8
    constexpr double step = 1e-5;
    double const at = theta[i];
    theta[i] = at + step;
    double const up = expected();
    theta[i] = at - step;
    double const slope = (up - expected()) / (2 * step);
    theta[i] = at;
    INFO(i, ": ", slope, " and ", gradients[i]);
    CHECK(std::abs(slope - double{gradients[i]}) <= tolerance * most + 1e-8);
  }
}
