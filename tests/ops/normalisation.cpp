// Normalisation: what it makes of its input, running statistics, and gradients by central differences.
#include <doctest/doctest.h>

#include "testing.hpp"

#include <oxbow/ops/normalisation.hpp>
using namespace oxbow;
using namespace oxbow::testing;
using ops::pixel;
using ops::tensor;

namespace {

struct {
  extent x;
  int channels, groups;
} const geometries[] = {{{1, 5, 3}, 4, 4}, {{1, 3, 4}, 4, 1}, {{1, 4, 3}, 6, 2}, {{2, 3, 2}, 4, 2},
                        {{1, 1, 2}, 1, 1}, {{1, 1, 1}, 4, 2}, {{3, 1, 1}, 2, 2}};

}  // namespace

TEST_CASE("statistics are the mean and the inverse deviation with the biased variance") {
  tensor<double> x{{1, 1, 2}, 4};
  x.data = {1, 3, 10, 30, -2, -2, 5, 7};
  auto const each = ops::norm_statistics(x, 4);
  double const mean[] = {2, 20, -2, 6}, variance[] = {1, 100, 0, 1};
  REQUIRE(each.data.size() == 8);
  for (int c = 0; c < 4; ++c) {
    CHECK(each(c, {}) == mean[c]);
    CHECK(each(4 + c, {}) == doctest::Approx(1 / std::sqrt(variance[c] + 1e-5)).epsilon(1e-15));
  }
  auto const pairs = ops::norm_statistics(x, 2);
  // {1, 3, 10, 30}: mean 11, variance (100 + 64 + 1 + 361) / 4; {−2, −2, 5, 7}: mean 2, variance (16 + 16 + 9 + 25) / 4
  REQUIRE(pairs.data.size() == 4);
  CHECK(pairs(0, {}) == 11);
  CHECK(pairs(1, {}) == 2);
  CHECK(pairs(2, {}) == doctest::Approx(1 / std::sqrt(131.5 + 1e-5)).epsilon(1e-15));
  CHECK(pairs(3, {}) == doctest::Approx(1 / std::sqrt(16.5 + 1e-5)).epsilon(1e-15));
}

TEST_CASE("a normalised group has mean 0 and variance 1, then scale and shift apply per channel") {
  for (auto const& g : geometries) {
    CAPTURE(size_text(g.x));
    auto x = random_tensor(g.x, g.channels, 1);
    for (double& v : x.data) v = 100 + 30 * v;  // far from normal
    auto const statistics = ops::norm_statistics(x, g.groups);
    std::vector<double> const ones(static_cast<std::size_t>(g.channels), 1), zeros(ones.size());
    auto const y = ops::norm(x, statistics, ones, zeros);
    auto const n = y.data.size() / static_cast<std::size_t>(g.groups);
    for (std::size_t first = 0; first < y.data.size(); first += n) {
      double sum = 0, squares = 0;
      for (std::size_t i = first; i < first + n; ++i) sum += y.data[i], squares += y.data[i] * y.data[i];
      double const inverse = statistics.data[static_cast<std::size_t>(g.groups) + first / n];
      double const variance = 1 / (inverse * inverse) - 1e-5;
      // |mean| < 130 carries an error of n · 130 · 2^−53, which inverse (at most 316) turns into an error of y
      double const tolerance = static_cast<double>(n * n) * 130 * 1.2e-16 * inverse;
      CHECK(std::abs(sum) <= tolerance);
      CHECK(squares / static_cast<double>(n) == doctest::Approx(variance / (variance + 1e-5)).epsilon(1e-9));
    }
    auto const scale = random_numbers(g.channels, 2), shift = random_numbers(g.channels, 3);
    auto const z = ops::norm(x, statistics, scale, shift);
    for (int c = 0; c < g.channels; ++c) {
      auto const i = static_cast<std::size_t>(c);
      ops::for_each_pixel(g.x, [&](pixel p) { CHECK(z(c, p) == scale[i] * y(c, p) + shift[i]); });
    }
  }
}

TEST_CASE("running statistics move by a tenth, with the unbiased variance") {
  tensor<double> x{{1, 1, 2}, 2};
  x.data = {1, 3, 10, 10};
  std::vector<double> mean{0, 5}, variance{1, 2};
  ops::update_running(x, mean, variance);
  // source  PyTorch, BatchNorm2d: 0.9 · old + 0.1 · new; {1, 3} has the unbiased variance 2
  CHECK(mean[0] == doctest::Approx(0.2).epsilon(1e-15));
  CHECK(mean[1] == doctest::Approx(5.5).epsilon(1e-15));
  CHECK(variance[0] == doctest::Approx(1.1).epsilon(1e-15));
  CHECK(variance[1] == doctest::Approx(1.8).epsilon(1e-15));

  auto const statistics = ops::running_statistics<double>({2, 3}, {4, 0});
  CHECK(statistics.data[0] == 2);
  CHECK(statistics.data[1] == 3);
  CHECK(statistics.data[2] == doctest::Approx(1 / std::sqrt(4 + 1e-5)).epsilon(1e-15));
  CHECK(statistics.data[3] == doctest::Approx(1 / std::sqrt(1e-5)).epsilon(1e-15));
}

TEST_CASE("one pixel keeps running statistics finite") {
  tensor<double> const x{{1, 1, 1}, 1, 4.};
  std::vector<double> mean{0}, variance{1};
  ops::update_running(x, mean, variance);
  CHECK(mean[0] == doctest::Approx(0.4).epsilon(1e-15));
  CHECK(variance[0] == doctest::Approx(0.9).epsilon(1e-15));
}

TEST_CASE("the gradients of a norm agree with central differences") {
  for (auto const& g : geometries) {
    CAPTURE(size_text(g.x));
    CAPTURE(g.groups);
    auto x = random_tensor(g.x, g.channels, 1);
    auto scale = random_numbers(g.channels, 2), shift = random_numbers(g.channels, 3);
    auto const dy = random_tensor(g.x, g.channels, 4);
    auto const loss = [&] { return dot(ops::norm(x, ops::norm_statistics(x, g.groups), scale, shift).data, dy.data); };
    auto const statistics = ops::norm_statistics(x, g.groups);
    auto const sums = ops::norm_grad_statistics(dy, x, statistics);
    auto const dx = ops::norm_grad(dy, x, statistics, sums, scale);
    double steepest = 0;
    for (int i = 0; i < g.groups; ++i) steepest = std::max(steepest, statistics(g.groups + i, {}));
    // With step h: h² · third derivative, of the order of steepest³ (at most 10³ here but for one pixel, where x̂ is 0
    // and stays so), and 2^−53 · |loss| / h; h = 1e-6: 1e-9 + 1e-8.
    double const tolerance = 1e-7 * std::max(1., steepest);
    for (std::size_t i = 0; i < x.data.size(); ++i)
      CHECK(std::abs(slope(loss, x.data[i], 1e-6) - dx.data[i]) < tolerance);
    for (std::size_t c = 0; c < scale.size(); ++c) {
      CHECK(std::abs(slope(loss, scale[c], 1e-6) - sums.data[c]) < tolerance);
      CHECK(std::abs(slope(loss, shift[c], 1e-6) - sums.data[scale.size() + c]) < tolerance);
    }
  }
}

TEST_CASE("the gradient of a norm is blind to what the norm removes") {
  // Adding a constant to a group changes nothing, so that gradients add up to zero in each group.
  auto const x = random_tensor({1, 5, 4}, 4, 1), dy = random_tensor({1, 5, 4}, 4, 2);
  auto const scale = random_numbers(4, 3);
  auto const statistics = ops::norm_statistics(x, 2);
  auto const dx = ops::norm_grad(dy, x, statistics, ops::norm_grad_statistics(dy, x, statistics), scale);
  for (std::size_t g = 0; g < 2; ++g) {
    double sum = 0;
    for (std::size_t i = 0; i < 40; ++i) sum += dx.data[40 * g + i];
    CHECK(std::abs(sum) < 40 * 40 * 4 * 1.2e-16);  // 40 terms below 4, each rounded at most 40 times
  }
}
