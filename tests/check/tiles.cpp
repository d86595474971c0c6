// Legal tiles, against inferring the network anew for each size.
#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include <oxbow/check/tiles.hpp>
#include <oxbow/check/trace.hpp>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>
using namespace oxbow;

namespace {

struct fact {
  bool sound = false;
  int output = 0;
};

template <class Net> std::unique_ptr<tracer> walk(extent size, int first_axis) {
  return std::make_unique<tracer>(infer<Net>(size, first_axis, 2));
}

/// What the one axis-wise walk says must be what the whole inference says, from whatever tile its graph was made:
/// also from a tile that is not legal, because that is where the nearest ones are looked for.
template <class Net> void check(int first_axis, int longest, extent other) {
  for (int axis = first_axis; axis < 3; ++axis) {
    CAPTURE(axis);
    std::vector<fact> truth(1);
    for (int n = 1; n <= longest; ++n) {
      extent size = other;
      size[axis] = n;
      auto const t = walk<Net>(size, first_axis);
      truth.push_back({t->first.broken == rule::none, t->net.values[t->net.output].size[axis]});
    }
    auto const nearest = [&](int from, int by) {
      int n = from;
      while (n >= 1 && n <= longest && !truth[static_cast<std::size_t>(n)].sound) n += by;
      return n > longest ? -1 : n;
    };
    int legal = 0;
    for (int made_at = 1; made_at <= longest; made_at += made_at < 40 ? 1 : 13) {
      CAPTURE(made_at);
      extent size = other;
      size[axis] = made_at;
      auto const t = walk<Net>(size, first_axis);
      for (int n = 1; n <= longest; ++n) {
        CAPTURE(n);
        fact const& f = truth[static_cast<std::size_t>(n)];
        axis_sizes const s = sizes_along(t->net, axis, n);
        REQUIRE(s.legal == f.sound);
        if (f.sound) REQUIRE(s.output == f.output);
        legal += f.sound;
      }
      REQUIRE(nearest_legal(t->net, axis, made_at, -1) == nearest(made_at, -1));
      if (nearest(made_at, +1) != -1) REQUIRE(nearest_legal(t->net, axis, made_at, +1) == nearest(made_at, +1));
    }
    CHECK(legal > 0);
  }
}

template <class Inner> using down_up = level<conv<2>, seq<max_pool<2>, Inner, up_conv<2>>, conv<2>>;

}  // namespace

TEST_CASE("valid convolutions: the paper's pattern") { check<unet<2, 2>>(1, 120, {1, 60, 60}); }
TEST_CASE("zero padding") { check<unet<3, 2, 2, pad::zero>>(1, 100, {1, 32, 32}); }
TEST_CASE("mirrored borders need a tile that is large enough") {
  check<level<conv<2, 7, pad::mirror>,
              seq<max_pool<2>, conv<2, 5, pad::mirror>, max_pool<2>, conv<2, 3, pad::mirror>, up_conv<2, 4>>,
              conv<2, 1>>>(1, 80, {1, 32, 32});
}
TEST_CASE("windows, strides and factors that are no powers of two") {
  check<seq<conv<2, 3, pad::valid, 3>, relu, avg_pool<2>, conv<2, 2>, up_conv<2, 3>>>(1, 120, {1, 24, 24});
  check<seq<conv<2, 3, pad::zero, 2>, max_pool<3>, conv<2, 3, pad::zero>, upsample<3>, up_conv<2>>>(1, 100,
                                                                                                    {1, 36, 36});
  check<seq<conv<2, 3, pad::mirror, 2>, conv<2, 2, pad::valid, 2>>>(1, 60, {1, 16, 16});
}
TEST_CASE("steps of which none is a multiple of the other") {
  using two_and_three = seq<max_pool<2>, upsample<2>, max_pool<3>, upsample<3>, conv<2, 1>>;
  check<two_and_three>(1, 80, {1, 60, 60});
  auto const t = walk<two_and_three>({1, 60, 60}, 1);
  CHECK(sampling_along(t->net, 2).alignment == 6);
  CHECK(nearest_legal(t->net, 2, 61, +1) == 66);
}
template <class Net, class Tile> constexpr bool keeps_scale = model<Net, Tile>::keeps_scale;
static_assert(keeps_scale<unet<2, 2>, tile<60, 60>>);
static_assert(keeps_scale<seq<conv<2, 3, pad::zero, 2>, up_conv<2>>, tile<32, 48>>);
static_assert(!keeps_scale<conv<2, 3, pad::zero, 2>, tile<32, 48>>);       // half as large
static_assert(!keeps_scale<seq<upsample<2>, conv<2>>, tile<32, 48>>);      // larger than the tile
static_assert(!keeps_scale<conv<2, 2>, tile<32, 48>>);                     // half a pixel aside
TEST_CASE("dilated convolutions") {
  check<seq<conv<2, 3, pad::valid, 1, 4>, conv<2, 3, pad::zero, 1, 8>, max_pool<5>>>(1, 80, {1, 33, 33});
}
TEST_CASE("skips that are joined without a crop, and residuals of either larger side") {
  check<level<conv<2, 3, pad::zero>, seq<max_pool<2>, conv<2, 3, pad::zero>, up_conv<2>>, conv<2>, join::concat>>(
      1, 60, {1, 16, 16});
  check<seq<residual<seq<conv<4>, conv<4>>, conv<4, 1>>, residual<conv<4, 1>, conv<4, 3>>>>(1, 40, {1, 16, 16});
}
TEST_CASE("crops that are centred for some tiles only") {
  check<level<conv<2, 2>, seq<avg_pool<2>, conv<2>, upsample<2>>, conv<2>>>(1, 60, {1, 17, 17});
}
TEST_CASE("levels beside and inside one another") {
  check<seq<down_up<conv<2>>, down_up<down_up<conv<2>>>>>(1, 110, {1, 62, 62});
}
TEST_CASE("a graph with wires across") {
  check<graph<node<"a", conv<2>, "input">, node<"b", seq<max_pool<2>, conv<2, 3, pad::zero>>, "a">,
              node<"u", up_conv<2>, "b">, node<"c", conv<2>, "a", "u">, node<"d", seq<avg_pool<3>, conv<2, 1>>, "c">>>(
      1, 80, {1, 16, 16});
}
TEST_CASE("volumes") { check<unet<1, 2>>(0, 40, {20, 20, 20}); }

TEST_CASE("where no tile is legal, none is near") {
  auto const t = walk<level<conv<2, 3, pad::zero>, conv<2>, conv<2, 1>, join::concat>>({1, 16, 16}, 1);
  REQUIRE(t->first.broken == rule::join_has_equal_sizes);
  CHECK(nearest_legal(t->net, 2, 16, +1) == 0);
  CHECK(nearest_legal(t->net, 2, 16, -1) == 0);
}
