// Enlarging: the published samples, laws, and gradients as adjoints.
#include <doctest/doctest.h>

#include "testing.hpp"

#include <oxbow/ops/upsampling.hpp>
using namespace oxbow;
using namespace oxbow::testing;
using ops::pixel;
using ops::tensor;

namespace {

struct {
  extent x, factor;
  int channels;
} const geometries[] = {{{1, 3, 5}, {1, 2, 2}, 2}, {{1, 1, 1}, {1, 2, 2}, 1}, {{1, 2, 3}, {1, 3, 3}, 2},
                        {{1, 1, 4}, {1, 4, 4}, 1}, {{2, 3, 4}, {2, 2, 2}, 2}, {{1, 2, 2}, {3, 3, 3}, 1},
                        {{2, 2, 3}, {1, 1, 1}, 2}};

}  // namespace

TEST_CASE("nearest repeats pixels") {
  CHECK(ops::upsample_nearest(plane({1, 2, 2}, {1, 2, 3, 4}), {1, 2, 3}).data ==
        std::vector<double>{1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4});
}

TEST_CASE("bilinear gives the sample in PyTorch's documentation") {
  // source  torch.nn.Upsample, scale_factor=2, mode='bilinear', align_corners=False; exact in binary
  CHECK(ops::upsample_linear(plane({1, 2, 2}, {1, 2, 3, 4}), {1, 2, 2}).data ==
        std::vector<double>{1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4});
}

TEST_CASE("linear enlarging keeps constants, and straight lines between the outer pixel centres") {
  for (auto const& g : geometries) {
    CAPTURE(size_text(g.x));
    auto const line = [](double z, double y, double x) { return 1 + 2 * x - 3 * y + 5 * z; };
    auto const x = ops::make_tensor<double>(g.x, 1, [&](int, pixel p) { return line(p.z, p.y, p.x); });
    auto const y = ops::upsample_linear(x, g.factor);
    REQUIRE(y.size == ops::enlarge(g.x, g.factor));
    ops::for_each_pixel(y.size, [&](pixel p) {
      double at[3];
      for (int a = 0; a < 3; ++a) at[a] = std::clamp((p[a] + 0.5) / g.factor[a] - 0.5, 0., g.x[a] - 1.);
      // values below 32, a handful of roundings of 2^−53 each
      CHECK(std::abs(y(0, p) - line(at[0], at[1], at[2])) < 32 * 1e-15);
    });
  }
}

TEST_CASE("3-D linear enlarging is linear along each axis in turn") {
  auto const x = random_tensor({2, 3, 4}, 2, 1);
  auto const once = ops::upsample_linear(x, {2, 3, 2});
  auto const thrice =
      ops::upsample_linear(ops::upsample_linear(ops::upsample_linear(x, {1, 1, 2}), {1, 3, 1}), {2, 1, 1});
  // means of eight numbers below 1, rounded a dozen times
  for (std::size_t i = 0; i < once.data.size(); ++i) CHECK(std::abs(once.data[i] - thrice.data[i]) < 12 * 1.2e-16);
}

TEST_CASE("the gradients of enlarging are its adjoints") {
  for (auto const& g : geometries) {
    CAPTURE(size_text(g.x));
    auto const x = random_tensor(g.x, g.channels, 2);
    auto const dy = random_tensor(ops::enlarge(g.x, g.factor), g.channels, 3);
    double const tolerance = adjoint_tolerance(8. * static_cast<double>(dy.data.size()));
    auto const nearest = ops::upsample_nearest_grad(dy, g.factor), linear = ops::upsample_linear_grad(dy, g.factor);
    CHECK(nearest.size == x.size);
    CHECK(linear.size == x.size);
    CHECK(std::abs(dot(x.data, nearest.data) - dot(ops::upsample_nearest(x, g.factor).data, dy.data)) < tolerance);
    CHECK(std::abs(dot(x.data, linear.data) - dot(ops::upsample_linear(x, g.factor).data, dy.data)) < tolerance);
  }
}
