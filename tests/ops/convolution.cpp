// Convolutions: hand-made cases, another way to write the sum, and gradients as adjoints.
#include <doctest/doctest.h>

#include "testing.hpp"

#include <oxbow/ops/convolution.hpp>
using namespace oxbow;
using namespace oxbow::testing;
using ops::pixel;
using ops::taps;
using ops::tensor;

namespace {

struct geometry {
  char const* name;
  extent x;
  int in, out;
  taps at;
};

// window, stride, dilation, border
geometry const geometries[] = {
    {"valid 3x3", {1, 7, 9}, 2, 3, {{1, 3, 3}, {}, {}, {0, 0, 0}}},
    {"zero border", {1, 5, 4}, 3, 2, {{1, 3, 3}, {}, {}, {0, 1, 1}}},
    {"one pixel, one channel, 1x1", {1, 1, 1}, 1, 1, {{1, 1, 1}, {}, {}, {0, 0, 0}}},
    {"one pixel within a border", {1, 1, 1}, 2, 2, {{1, 3, 3}, {}, {}, {0, 1, 1}}},
    {"stride 2", {1, 9, 7}, 2, 2, {{1, 3, 3}, {1, 2, 2}, {}, {0, 0, 0}}},
    {"stride 2 with a border", {1, 6, 8}, 2, 2, {{1, 3, 3}, {1, 2, 2}, {}, {0, 1, 1}}},
    {"stride that leaves a pixel over", {1, 8, 8}, 1, 2, {{1, 3, 3}, {1, 2, 2}, {}, {0, 0, 0}}},
    {"stride beyond the window", {1, 10, 11}, 2, 1, {{1, 2, 2}, {1, 3, 3}, {}, {0, 0, 0}}},
    {"dilation 2", {1, 9, 8}, 2, 2, {{1, 3, 3}, {}, {1, 2, 2}, {0, 0, 0}}},
    {"dilation 2 with its border", {1, 5, 6}, 1, 3, {{1, 3, 3}, {}, {1, 2, 2}, {0, 2, 2}}},
    {"dilation, stride and border", {1, 9, 11}, 2, 2, {{1, 3, 3}, {1, 2, 2}, {1, 3, 3}, {0, 3, 3}}},
    {"even window", {1, 6, 5}, 2, 2, {{1, 2, 4}, {}, {}, {0, 0, 0}}},
    {"3-D", {4, 5, 6}, 2, 2, {{3, 3, 3}, {}, {}, {0, 0, 0}}},
    {"3-D, everything different", {6, 7, 9}, 2, 2, {{2, 3, 1}, {2, 1, 3}, {3, 2, 1}, {1, 2, 0}}},
};

/// The convolution as a sum over input pixels: each hands itself to the outputs that see it.
tensor<double> scattered(tensor<double> const& x, ops::filter<double> const& w, std::vector<double> const& bias,
                         taps const& at, extent size) {
  tensor<double> y{size, w.rows};
  for (int k = 0; k < w.rows; ++k)
    for (std::int64_t i = 0; i < size.volume(); ++i)
      y.data[static_cast<std::size_t>(k * size.volume() + i)] = bias[static_cast<std::size_t>(k)];
  auto const seen_by = [](int q, int border, int tap, int dilation, int stride, int count) {
    int const from = q + border - tap * dilation;
    return from >= 0 && from % stride == 0 && from / stride < count ? from / stride : -1;
  };
  for (int k = 0; k < w.rows; ++k)
    for (int c = 0; c < x.channels; ++c)
      for (int z = 0; z < x.size.depth; ++z)
        for (int row = 0; row < x.size.height; ++row)
          for (int column = 0; column < x.size.width; ++column)
            for (int t = 0; t < at.window.volume(); ++t) {
              int const tx = t % at.window.width, ty = t / at.window.width % at.window.height,
                        tz = t / (at.window.width * at.window.height);
              int const pz = seen_by(z, at.border.depth, tz, at.dilation.depth, at.stride.depth, size.depth);
              int const py = seen_by(row, at.border.height, ty, at.dilation.height, at.stride.height, size.height);
              int const px = seen_by(column, at.border.width, tx, at.dilation.width, at.stride.width, size.width);
              if (pz < 0 || py < 0 || px < 0) continue;
              y(k, {pz, py, px}) += w.data[static_cast<std::size_t>((k * x.channels + c) * at.window.volume() + t)] *
                                    x(c, {z, row, column});
            }
  return y;
}

}  // namespace

TEST_CASE("a convolution gives the sums that a person gets") {
  auto const x = plane({1, 3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  ops::filter<double> w{1, 1, {1, 2, 2}};
  w.data = {1, 10, 100, 1000};
  // not flipped: the first weight meets the upper left pixel
  auto const y = ops::convolve(x, w, {0.5}, {{1, 2, 2}, {}, {}, {0, 0, 0}});
  CHECK(y.size == extent{1, 2, 3});
  CHECK(y.data == std::vector<double>{6521.5, 7632.5, 8743.5, 10965.5, 12076.5, 13187.5});
  // beyond the border lie zeros
  auto const bordered = ops::convolve(x, w, {0}, {{1, 2, 2}, {1, 2, 3}, {}, {0, 1, 1}});
  CHECK(bordered.size == extent{1, 2, 2});
  CHECK(bordered.data == std::vector<double>{1000, 4300, 9050, 13187});
}

TEST_CASE("weights are (out, in, window) and channels add up") {
  tensor<double> x{{1, 1, 1}, 3};
  x.data = {1, 10, 100};
  ops::filter<double> w{2, 3, {}};
  w.data = {1, 2, 3, 4, 5, 6};
  CHECK(ops::convolve(x, w, {1000, 2000}, {}).data == std::vector<double>{1321, 2654});
}

TEST_CASE("a convolution equals the sum over the input pixels, for any stride, dilation and border") {
  for (auto const& g : geometries) {
    CAPTURE(g.name);
    auto const x = random_tensor(g.x, g.in, 1);
    auto const w = random_filter(g.out, g.in, g.at.window, 2);
    auto const bias = random_numbers(g.out, 3);
    auto const y = ops::convolve(x, w, bias, g.at);
    auto const other = scattered(x, w, bias, g.at, y.size);
    REQUIRE(y.data.size() == other.data.size());
    // at most 55 products below 1 in another order: 55 · 55 · 2^−53 < 1e-12
    for (std::size_t i = 0; i < y.data.size(); ++i) CHECK(std::abs(y.data[i] - other.data[i]) < 1e-12);
  }
}

TEST_CASE("the gradients of a convolution are its adjoints") {
  for (auto const& g : geometries) {
    CAPTURE(g.name);
    auto const x = random_tensor(g.x, g.in, 1);
    auto const w = random_filter(g.out, g.in, g.at.window, 2);
    auto const bias = random_numbers(g.out, 3);
    std::vector<double> const no_bias(bias.size());
    auto const y = ops::convolve(x, w, no_bias, g.at);
    auto const dy = random_tensor(y.size, y.channels, 4);
    double const both = dot(y.data, dy.data);
    double const tolerance = adjoint_tolerance(static_cast<double>(dy.data.size() * w.data.size()) / g.out);
    auto const dx = ops::convolve_grad(dy, w, g.at, x.size);
    CHECK(dx.size == x.size);
    CHECK(std::abs(dot(x.data, dx.data) - both) < tolerance);
    auto const dw = ops::convolve_grad_weight(dy, x, g.at);
    CHECK(dw.data.size() == w.data.size());
    CHECK(std::abs(dot(w.data, dw.data) - both) < tolerance);
    auto const only_bias = ops::convolve(tensor<double>{x.size, x.channels}, w, bias, g.at);
    CHECK(std::abs(dot(bias, ops::bias_grad(dy)) - dot(only_bias.data, dy.data)) < tolerance);
  }
}

TEST_CASE("an up-convolution writes one scaled window per pixel") {
  tensor<double> x{{1, 1, 2}, 2};
  x.data = {1, 2, 10, 20};
  ops::filter<double> w{2, 1, {1, 2, 2}};  // (in, out, window)
  w.data = {1, 2, 3, 4, 5, 6, 7, 8};
  auto const y = ops::up_convolve(x, w, {1000});
  CHECK(y.size == extent{1, 2, 4});
  CHECK(y.data == std::vector<double>{1051, 1062, 1102, 1124, 1073, 1084, 1146, 1168});
}

TEST_CASE("the gradients of an up-convolution are its adjoints") {
  struct {
    extent x, factor;
    int in, out;
  } const cases[] = {{{1, 3, 5}, {1, 2, 2}, 3, 2}, {{1, 1, 1}, {1, 2, 2}, 1, 1}, {{1, 2, 3}, {1, 3, 3}, 1, 2},
                     {{2, 3, 1}, {2, 2, 2}, 2, 3}, {{3, 1, 2}, {1, 1, 1}, 2, 2}};
  for (auto const& g : cases) {
    CAPTURE(size_text(g.x));
    auto const x = random_tensor(g.x, g.in, 1);
    auto const w = random_filter(g.in, g.out, g.factor, 2);
    auto const bias = random_numbers(g.out, 3);
    auto const y = ops::up_convolve(x, w, std::vector<double>(bias.size()));
    auto const dy = random_tensor(y.size, y.channels, 4);
    double const both = dot(y.data, dy.data), tolerance = adjoint_tolerance(static_cast<double>(y.data.size()) * g.in);
    CHECK(std::abs(dot(x.data, ops::up_convolve_grad(dy, w, g.x).data) - both) < tolerance);
    CHECK(std::abs(dot(w.data, ops::up_convolve_grad_weight(dy, x, g.factor).data) - both) < tolerance);
    auto const only_bias = ops::up_convolve(tensor<double>{x.size, x.channels}, w, bias);
    CHECK(std::abs(dot(bias, ops::bias_grad(dy)) - dot(only_bias.data, dy.data)) < tolerance);
  }
}

TEST_CASE("an up-convolution is the gradient of a convolution whose windows do not overlap") {
  extent const size{2, 3, 4}, factor{2, 2, 3};
  auto const x = random_tensor(size, 3, 5);
  auto const w = random_filter(3, 2, factor, 6);  // as a convolution: 2 channels in, 3 out
  auto const y = ops::up_convolve(x, w, {0, 0});
  auto const other = ops::convolve_grad(x, w, {factor, factor, {}, {0, 0, 0}}, y.size);
  // three products below 1 in another order
  for (std::size_t i = 0; i < y.data.size(); ++i) CHECK(std::abs(y.data[i] - other.data[i]) < 1e-15);
}
