// What padding reaches, against tiles that are cut out of larger ones.
#include <doctest/doctest.h>

#include <vector>

#include <oxbow/check/padding.hpp>
#include <oxbow/check/tiles.hpp>
#include <oxbow/check/trace.hpp>
#include <oxbow/net/named.hpp>
#include <oxbow/ops/interpret.hpp>

using namespace oxbow;

namespace {

/// Runs a network on a tile, and on the middle of it alone; parameters as given by their number.
template <class Net> struct cut {
  flat_graph large, small;
  ops::tensor<double> whole, alone;
  int around;  ///< pixels that the larger output has more per side

  cut(int size, int more)
      : large{infer<Net>({1, size + 2 * more, size + 2 * more}, 1, 1).net},
        small{infer<Net>({1, size, size}, 1, 1).net} {
    std::vector<double> parameters(static_cast<std::size_t>(large.parameter_count));
    random_stream const r{8, purpose::example_data, 0, 0};
    for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i] = static_cast<double>(r.uniform(i, -0.4f, 0.6f));
    auto const value = [&](int y, int x) {
      return static_cast<double>(r.uniform(static_cast<std::uint64_t>(y * 1000 + x), -1, 1));
    };
    auto const tile = [&](int length, int from) {
      return ops::make_tensor<double>({1, length, length}, 1,
                                      [&](int, ops::pixel p) { return value(p.y + from, p.x + from); });
    };
    whole = ops::interpret(large, tile(size + 2 * more, 0), parameters).output();
    alone = ops::interpret(small, tile(size, more), parameters).output();
    around = (whole.size.width - alone.size.width) / 2;
  }

  /// Does any pixel at this distance from the border of the smaller output differ? Exact: the oracle adds in
  /// one order, and padded zeros are left out.
  bool differs(int distance) const {
    int const last = alone.size.width - 1;
    for (int y = 0; y <= last; ++y)
      for (int x = 0; x <= last; ++x) {
        int const near = std::min(std::min(x, y), std::min(last - x, last - y));
        if (near != distance) continue;
        for (int c = 0; c < alone.channels; ++c)
          if (alone(c, {0, y, x}) != whole(c, {0, y + around, x + around})) return true;
      }
    return false;
  }
};

using valid = unet<2, 2, 2>;
using zeros = unet<2, 2, 2, pad::zero>;
using mirrors = unet<1, 2, 2, pad::mirror>;
using bilinear = seq<conv<2>, relu, max_pool<2>, conv<2>, upsample<2, interpolation::bilinear>, conv<2>>;
using mixed = seq<conv<2>, relu, level<conv<2, 3, pad::zero>, seq<max_pool<2>, conv<2>, up_conv<2>>, conv<2>>,
                  conv<2, 5, pad::zero>>;
using dilated = seq<conv<2, 3, pad::zero, 1, 3>, relu, conv<2>>;
using average = seq<conv<2, 3, pad::zero>, avg_pool<3>, conv<2, 3, pad::zero>, upsample<3>>;

}  // namespace

TEST_CASE_TEMPLATE("padding reaches as far as said, and no further", Net, valid, zeros, mirrors, bilinear, mixed,
                   dilated, average) {
  flat_graph const any = infer<Net>({1, 48, 48}, 1, 1).net;
  int const size = nearest_legal(any, 2, 60, +1), more = 24;
  REQUIRE(size > 0);
  cut<Net> const c(size, more);
  int const reach = padding_reach_along(c.small, 2);
  CAPTURE(reach);
  REQUIRE(reach < c.alone.size.width / 2);  // else nothing is compared
  if (reach > 0) CHECK(c.differs(reach - 1));
  bool any_beyond = false;
  for (int d = reach; 2 * d < c.alone.size.width; ++d) any_beyond = any_beyond || c.differs(d);
  CHECK_FALSE(any_beyond);
}

TEST_CASE("the reach of known networks") {
  // Three poolings: 2, ½ → 1 + 2, ½ → 2 + 2, ½ → 2 + 2 at the bottom, then 8 + 2, 20 + 2, 44 + 2.
  CHECK(padding_reach_along(infer<unet_small>({1, 128, 128}, 1, 1).net, 2) == 46);
  CHECK(padding_reach_along(infer<unet_2015>({1, 572, 572}, 1, 1).net, 1) == 0);
  CHECK(padding_reach_along(infer<unet_small>({1, 128, 128}, 1, 1).net, 0) == 0);  // a 2-D network has no depth
}
