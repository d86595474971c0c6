// Poolings: whose maximum counts, means, and where gradients go.
#include <doctest/doctest.h>

#include "testing.hpp"

#include <oxbow/ops/pooling.hpp>
using namespace oxbow;
using namespace oxbow::testing;
using ops::pixel;
using ops::tensor;

namespace {

struct {
  extent x, window;
  int channels;
} const geometries[] = {{{1, 6, 4}, {1, 2, 2}, 3}, {{1, 9, 6}, {1, 3, 3}, 1}, {{4, 2, 6}, {2, 2, 2}, 2},
                        {{1, 1, 1}, {1, 1, 1}, 1}, {{3, 6, 4}, {3, 2, 1}, 2}, {{1, 7, 5}, {1, 2, 2}, 2}};

}  // namespace

TEST_CASE("a maximum is found with its place, and of equals the first in row-major order counts") {
  auto const x = plane({1, 4, 6}, {1, 2,  5, 5,  0, 0,
                                   3, 4,  5, 5,  7, 0,
                                   -3, -1,  0, 2,  -8, -8,
                                   -1, -2,  2, 0,  -8, -7});
  auto const [y, place] = ops::max_pool(x, {1, 2, 2});
  CHECK(y.size == extent{1, 2, 3});
  CHECK(y.data == std::vector<double>{4, 5, 7, -1, 2, -7});
  CHECK(place.data == std::vector<double>{3, 0, 2, 1, 1, 3});
}

TEST_CASE("the place of a maximum in a 3-D window counts row by row, plane by plane") {
  for (int t = 0; t < 8; ++t) {
    tensor<double> x{{2, 2, 2}, 1};
    x.data[static_cast<std::size_t>(t)] = 1;
    CHECK(ops::max_pool(x, {2, 2, 2}).place.data == std::vector<double>{static_cast<double>(t)});
  }
}

TEST_CASE("a maximum of infinitely negative values is found") {
  double const low = -HUGE_VAL;
  auto const [y, place] = ops::max_pool(plane({1, 2, 2}, {low, low, low, low}), {1, 2, 2});
  CHECK(y.data == std::vector<double>{low});
  CHECK(place.data == std::vector<double>{0});
}

TEST_CASE("the gradient of a maximum goes to the pixel that holds it") {
  auto const x = plane({1, 2, 5}, {1, 2,  5, 5,  9,
                                   3, 4,  5, 5,  9});
  auto const [y, place] = ops::max_pool(x, {1, 2, 2});
  // the last column is in no window
  CHECK(ops::max_pool_grad(plane({1, 1, 2}, {10, 20}), place, {1, 2, 2}, x.size).data ==
        std::vector<double>{0, 0, 20, 0, 0,  0, 10, 0, 0, 0});
}

TEST_CASE("the gradient of max pooling agrees with central differences") {
  for (auto const& g : geometries) {
    CAPTURE(size_text(g.x));
    auto x = random_tensor(g.x, g.channels, 7);
    auto const first = ops::max_pool(x, g.window);
    auto const dy = random_tensor(first.y.size, g.channels, 8);
    auto const dx = ops::max_pool_grad(dy, first.place, g.window, g.x);
    REQUIRE(dx.data.size() == x.data.size());
    for (std::size_t i = 0; i < x.data.size(); ++i) {
      // The random numbers are multiples of 2^−23, so that no maximum changes hands within a step of 2^−26.
      // Linear there; what remains is the rounding of sums below 100: 100 · 2^−53 / 2^−26 = 1e-6.
      double const numeric = slope([&] { return dot(ops::max_pool(x, g.window).y.data, dy.data); }, x.data[i], 0x1p-26);
      CHECK(std::abs(numeric - dx.data[i]) < 2e-6);
    }
  }
}

TEST_CASE("average pooling takes means, and its gradient is its adjoint") {
  CHECK(ops::avg_pool(plane({1, 2, 4}, {1, 2, 10, 20, 3, 4, 30, 40}), {1, 2, 2}).data == std::vector<double>{2.5, 25});
  CHECK(ops::avg_pool(plane({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}), {2, 2, 2}).data == std::vector<double>{4.5});
  for (auto const& g : geometries) {
    CAPTURE(size_text(g.x));
    auto const x = random_tensor(g.x, g.channels, 7);
    auto const y = ops::avg_pool(x, g.window);
    auto const dy = random_tensor(y.size, g.channels, 8);
    auto const dx = ops::avg_pool_grad(dy, g.window, g.x);
    CHECK(dx.size == x.size);
    CHECK(std::abs(dot(x.data, dx.data) - dot(y.data, dy.data)) <
          adjoint_tolerance(static_cast<double>(x.data.size())));
  }
}
