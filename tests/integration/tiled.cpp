// Tiled equals whole on the host: networks made from a number, images of random sizes, a tile much smaller than the
// image against one that holds all of it.
#include "whole.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include <oxbow/core/activations.hpp>
#include <oxbow/net/layers.hpp>
#include <oxbow/predict/predict.hpp>

using namespace oxbow;

namespace {

/// Worst relative rounding error, to first order, of sums in single precision: each convolution adds up to `longest`
/// products with a unit roundoff of 2^−24 each, and what one layer loses the following ones pass on. Relative to the
/// largest element; a factor of 4 for norms and activations between.
double rounding_bound(flat_graph const& net) {
  double longest = 1, layers = 1;
  for (int i = 0; i < net.forward_ops; ++i) {
    op const& o = net.ops[i];
    if (o.kind != op_kind::convolve && o.kind != op_kind::up_convolve) continue;
    longest = std::max(longest, static_cast<double>(o.window.volume() * net.values[o.in[0]].channels));
    ++layers;
  }
  return 4 * layers * longest * 0x1p-24;
}

/// Largest difference over largest value; infinite where a number is not one.
double relative_error(image<float> const& got, image<float> const& wanted) {
  double worst = 0, scale = 0;
  for (std::size_t i = 0; i < wanted.data.size(); ++i) {
    double const d = std::abs(static_cast<double>(got.data[i]) - static_cast<double>(wanted.data[i]));
    if (!(d <= worst)) worst = std::isnan(d) ? HUGE_VAL : d;
    scale = std::max(scale, std::abs(static_cast<double>(wanted.data[i])));
  }
  return worst / scale;
}

/// Blocks with one 3 × 3 window, so that all lose the same; 2 takes a dilated one, 3 adds what it was given.
template <int Which, int F, pad B> struct block {
  using type = seq<conv<F, 3, B>, batch_norm, relu>;
};
template <int F, pad B> struct block<1, F, B> { using type = seq<conv<F, 3, B>, silu, conv<F, 1>>; };
template <int F, pad B> struct block<2, F, B> { using type = seq<conv<F, 2>, conv<F, 2>, elu>; };
template <int F> struct block<2, F, pad::zero> { using type = seq<conv<F, 3, pad::zero, 1, 2>, leaky_relu<>>; };
template <int F, pad B> struct block<3, F, B> {
  using type = seq<residual<seq<conv<F, 3, B>, relu, conv<F, 1>>, conv<F, 1>>, gelu>;
};

template <int Which, int F> struct up { using type = up_conv<F>; };
template <int F> struct up<1, F> { using type = seq<upsample<2>, conv<F, 1>>; };
template <int F> struct up<2, F> { using type = seq<upsample<2, interpolation::bilinear>, conv<F, 1>, relu>; };

/// What the number says.
template <int N> struct recipe {
  static constexpr pad border = N % 2 ? pad::valid : pad::zero;
  static constexpr int levels = 1 + N / 2 % 2, features = N % 3 == 1 ? 18 : 3 + N % 4;
  static constexpr join how = N % 2 ? join::crop : N % 4 ? join::add : join::concat;
};
template <int N, int Level> struct scale {
  static constexpr int f = recipe<N>::features;
  using outer = typename block<(N + Level) % 4, f, recipe<N>::border>::type;
  using back = typename block<(N + Level + 1) % 4, f, recipe<N>::border>::type;
  using down = std::conditional_t<N % 3 == 2, avg_pool<2>, max_pool<2>>;
  using type = level<outer, seq<down, typename scale<N, Level - 1>::type, typename up<N % 3, f>::type>, back,
                     recipe<N>::how>;
};
template <int N> struct scale<N, 0> {
  using type = typename block<(N + 3) % 4, recipe<N>::features, recipe<N>::border>::type;
};
template <int N> using net_of = seq<typename scale<N, recipe<N>::levels>::type, conv<2 + N % 2, 1>>;

/// The tile whose lowest scale measures `lowest` pixels: each scale doubles, and where nothing pads, its block takes 2.
template <int N> constexpr int tile_over(int lowest) {
  for (int i = 0; i < recipe<N>::levels; ++i) lowest = 2 * lowest + (recipe<N>::border == pad::valid ? 2 : 0);
  return lowest;
}
template <int N, int Height, int Width>
using over = model<net_of<N>, tile<tile_over<N>(Height), tile_over<N>(Width)>>;

/// The lowest scale that leaves just enough to put tiles together, and one pixel more.
template <int N> constexpr int enough() {
  using probe = over<N, 40, 40>;
  int const lost = probe::tile.height - facts_of<probe>().usable(1);
  return lost / probe::alignment + 3;
}

template <int N> void tiled_equals_whole() {
  using seer = over<N, 40, 44>;
  using tiler = over<N, enough<N>(), enough<N>() + 1>;
  CAPTURE(size_text(seer::tile));
  CAPTURE(size_text(tiler::tile));
  network<seer, host> whole{host{1}, seed{N}};
  testing::stir(whole);
  network<tiler, host> tiled{host{2}};
  std::ranges::copy(std::as_const(whole).parameters(), tiled.parameters().begin());

  // Both sums approximate one number, each to within the bound.
  double const bound = 2 * rounding_bound(seer::forward);
  random_stream const r{3, purpose::example_data, N, 0};
  std::int64_t many = 0;
  for (std::uint32_t k = 0; k < 5; ++k) {
    auto const side = [&](std::uint64_t which, int axis) {
      return 1 + static_cast<int>(r.below(2 * k + which, static_cast<std::uint32_t>(facts_of<seer>().usable(axis))));
    };
    extent const size = k == 0 ? extent{1, 1, 1} : k == 1 ? extent{1, facts_of<seer>().usable(1), 1}
                                                          : extent{1, side(0, 1), side(1, 2)};
    CAPTURE(size_text(size));
    image<float> const input = testing::noise(size, 1, k);
    REQUIRE(tiling(facts_of<seer>(), size).count() == 1);
    many = std::max(many, tiling(facts_of<tiler>(), size).count());
    image<float> const one = predict(whole, input, {.output = prediction::logits});
    image<float> const joined = predict(tiled, input, {.output = prediction::logits});
    REQUIRE(joined.size == size);
    CHECK(relative_error(joined, one) <= bound);
  }
  CHECK(many >= 9);  // else nothing was put together
  if (recipe<N>::border != pad::zero) return;
  // The bound is small enough to notice a seam.
  image<float> const input = testing::noise({1, facts_of<seer>().usable(1), facts_of<seer>().usable(2)}, 1, 9);
  image<float> const one = predict(whole, input, {.output = prediction::logits});
  image<float> const seams = predict(tiled, input, {.output = prediction::logits, .margin = 0});
  CHECK(relative_error(seams, one) > 10 * bound);
}

}  // namespace

TEST_CASE("tiled equals whole, networks 0 to 5") {
  tiled_equals_whole<0>();
  tiled_equals_whole<1>();
  tiled_equals_whole<2>();
  tiled_equals_whole<3>();
  tiled_equals_whole<4>();
  tiled_equals_whole<5>();
}
