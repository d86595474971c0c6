// Views: which pixel goes where, and that each has the gradient it claims.
#include <doctest/doctest.h>

#include "testing.hpp"

#include <oxbow/ops/views.hpp>
using namespace oxbow;
using namespace oxbow::testing;
using ops::pixel;
using ops::tensor;

TEST_CASE("a crop takes the part at its border, and zeros go around its gradient") {
  auto const x = plane({1, 3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  CHECK(ops::crop(x, {0, 1, 1}, {1, 1, 2}).data == std::vector<double>{6, 7});
  CHECK(ops::pad_zero(plane({1, 1, 2}, {6, 7}), {0, 1, 1}, {1, 3, 4}).data ==
        std::vector<double>{0, 0, 0, 0, 0, 6, 7, 0, 0, 0, 0, 0});
}

TEST_CASE("padding with zeros is the adjoint of cropping") {
  struct {
    extent x, border, y;
  } const cases[] = {{{1, 7, 5}, {0, 2, 1}, {1, 3, 3}}, {{4, 5, 6}, {1, 0, 2}, {2, 5, 2}},
                     {{1, 1, 1}, {0, 0, 0}, {1, 1, 1}}, {{1, 5, 5}, {0, 2, 2}, {1, 1, 1}}};
  for (auto const& g : cases) {
    CAPTURE(size_text(g.x));
    auto const x = random_tensor(g.x, 2, 1), dy = random_tensor(g.y, 2, 2);
    // the same products and zeros, in the same order
    CHECK(dot(ops::crop(x, g.border, g.y).data, dy.data) == dot(x.data, ops::pad_zero(dy, g.border, g.x).data));
  }
}

TEST_CASE("a mirrored border is the one in PyTorch's documentation") {
  // source  torch.nn.ReflectionPad2d(2) of arange(9)
  CHECK(ops::mirror(plane({1, 3, 3}, {0, 1, 2, 3, 4, 5, 6, 7, 8}), {0, 2, 2}).data ==
        std::vector<double>{8, 7, 6, 7, 8, 7, 6,  //
                            5, 4, 3, 4, 5, 4, 3,  //
                            2, 1, 0, 1, 2, 1, 0,  //
                            5, 4, 3, 4, 5, 4, 3,  //
                            8, 7, 6, 7, 8, 7, 6,  //
                            5, 4, 3, 4, 5, 4, 3,  //
                            2, 1, 0, 1, 2, 1, 0});
}

TEST_CASE("the gradient of a mirrored border folds back what was read twice") {
  // x shown as 1 0 | 0' 1' 2' … : pixel 0 once, 1 and 2 of four pixels with a border of 2 on the left and right
  CHECK(ops::mirror_grad(plane({1, 1, 8}, {1, 10, 100, 1000, 1e4, 1e5, 1e6, 1e7}), {0, 0, 2}, {1, 1, 4}).data ==
        std::vector<double>{100, 1000 + 10 + 1e7, 1e4 + 1 + 1e6, 1e5});
}

TEST_CASE("the gradient of a mirrored border is its adjoint, however often it folds") {
  struct {
    extent x, border;
  } const cases[] = {{{1, 5, 4}, {0, 2, 3}}, {{3, 4, 2}, {2, 3, 1}}, {{1, 1, 1}, {0, 2, 2}},
                     {{1, 2, 3}, {0, 5, 4}}, {{1, 4, 4}, {0, 0, 0}}};
  for (auto const& g : cases) {
    CAPTURE(size_text(g.x));
    auto const x = random_tensor(g.x, 2, 3);
    auto const y = ops::mirror(x, g.border);
    auto const dy = random_tensor(y.size, 2, 4), dx = ops::mirror_grad(dy, g.border, g.x);
    CHECK(dx.size == x.size);
    CHECK(std::abs(dot(y.data, dy.data) - dot(x.data, dx.data)) <
          adjoint_tolerance(static_cast<double>(y.data.size())));
  }
}

TEST_CASE("slices take a join apart") {
  auto const a = random_tensor({2, 3, 2}, 3, 1), b = random_tensor({2, 3, 2}, 2, 2);
  auto const both = ops::join(a, b);
  CHECK(both.channels == 5);
  CHECK(ops::slice(both, 0, 3).data == a.data);
  CHECK(ops::slice(both, 3, 2).data == b.data);
  CHECK(ops::slice(both, 1, 2)(1, {1, 2, 1}) == a(2, {1, 2, 1}));
}
