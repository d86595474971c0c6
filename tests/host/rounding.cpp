// What algorithms are expected to lose to rounding: measured, and which tiles a tolerance leaves.
#include <limits>

#include <oxbow/host/winograd/weight_grad.hpp>

#include "agreement.hpp"
#include "patches.hpp"

using namespace oxbow;
using namespace oxbow::testing;
using on_host::expected_square_error;
using on_host::fastest_tile;
using on_host::native;
using on_host::tuning;

namespace {

/// Root mean square of differences, over that of what they are measured against.
struct spread {
  double errors = 0, results = 0;

  void add(float is, double wanted) {
    double const d = static_cast<double>(is) - wanted;
    errors += d * d, results += wanted * wanted;
  }
  double relative() const { return std::sqrt(errors / results); }
};

/// A convolution of numbers from `low` to `high` with random weights.
template <int Channels, int Tile> double layer_error(float low = -1, float high = 1) {
  using model_type = model<seq<conv<32>>, tile<14, 14>, channels<Channels>, fast_convolution<Tile>>;
  chance any{11};
  network<model_type, host> net{{.threads = 2}, blank{}};
  for (float& p : net.parameters()) p = any.number();
  for (network_tensor const& t : net.tensors())
    if (t.name.ends_with("bias")) std::ranges::fill(t.data, 0.f);
  image<float> x{model_type::tile, Channels}, y{model_type::output, 32};
  for (float& v : x.data) v = any.number(low, high);
  net.infer(std::as_const(x).view(), y.view());
  std::span<float const> const w = std::as_const(net).parameters();
  spread s;
  for (int k = 0; k < 32; ++k)
    for (int r = 0; r < 12; ++r)
      for (int c = 0; c < 12; ++c) {
        double sum = 0;
        for (int in = 0; in < Channels; ++in)
          for (int t = 0; t < 9; ++t)
            sum += static_cast<double>(w[static_cast<std::size_t>((k * Channels + in) * 9 + t)]) *
                   static_cast<double>(x(0, r + t / 3, c + t % 3, in));
        s.add(y(0, r, c, k), sum);
      }
  return s.relative();
}

/// The gradient of 16 × 16 weights over some pixels.
template <class Correlator> double gradient_error(extent small) {
  chance any{13};
  extent const large{1, small.height + 2, small.width + 2};
  on_host::thread_pool pool{2};
  on_host::memory const arena{(small.volume() + large.volume()) * 64, "test"};
  for (std::int64_t i = 0; i < arena.bytes() / 4; ++i) arena.floats()[i] = any.number();
  operand const dy{.size = small, .channels = 16, .count = 16, .high = small},
      x{.offset = small.volume() * 64, .size = large, .channels = 16, .count = 16, .high = large};
  Correlator const by{on_host::correlation{.rows = 16,
                                           .columns = 16,
                                           .window = {1, 3, 3},
                                           .border = {0, 0, 0},
                                           .a_size = small,
                                           .a = &dy,
                                           .a_count = 1,
                                           .b = &x,
                                           .b_count = 1}};
  on_host::memory const shared{by.shared_floats() * 4 + 64, "test"}, scratch{2 * by.thread_floats() * 4 + 64, "test"};
  std::vector<float> made(16 * 16 * 9, poison());
  by.run(
      pool, arena.data(), shared.floats(), [&](int t) { return scratch.floats() + t * by.thread_floats(); }, made.data(),
      false);
  spread s;
  for (int k = 0; k < 16; ++k)
    for (int c = 0; c < 16; ++c)
      for (int t = 0; t < 9; ++t) {
        double sum = 0;
        for (int r = 0; r < small.height; ++r)
          for (int i = 0; i < small.width; ++i)
            sum += static_cast<double>(arena.floats()[small.index(0, r, i) * 16 + k]) *
                   static_cast<double>(
                       arena.floats()[(small.volume() + large.index(0, r + t / 3, i + t % 3)) * 16 + c]);
        s.add(made[static_cast<std::size_t>((k * 16 + c) * 9 + t)], sum);
      }
  return s.relative();
}

constexpr tuning within(int tile, float tolerance) { return {tile, tolerance}; }
constexpr instruction gradient_of(int height, int width) {
  return instruction{.kind = op_kind::convolve_grad_weight, .window = {1, 3, 3}, .in_size = {1, height, width}};
}

}  // namespace

// That of Winograd's convolutions is measured beside their bound, in winograd.cpp.
TEST_CASE("direct sums lose what they are expected to") {
  auto const expected = [](int channels) {
    return doctest::Approx(std::sqrt(expected_square_error(0, 9. * channels))).epsilon(.2).scale(0);
  };
  CHECK(layer_error<3, 0>() == expected(3));
  CHECK(layer_error<16, 0>() == expected(16));
  CHECK(layer_error<100, 0>() == expected(100));
  CHECK(layer_error<512, 0>() == expected(512));
}

TEST_CASE("numbers that are alike lose less than random ones: their transforms are small") {
  static_assert(fastest_tile({100, 32, 12, 12}, {4}) == 4);
  double const expected = std::sqrt(expected_square_error(4, 100));
  CHECK(layer_error<100, 4>() == doctest::Approx(expected).epsilon(.2).scale(0));
  CHECK(layer_error<100, 4>(.9f, 1.1f) < .5 * expected);
}

TEST_CASE("gradients of weights lose what they are expected to") {
  for (extent const dy : {extent{1, 12, 12}, extent{1, 40, 36}, extent{1, 96, 84}}) {
    auto const expected = [&](int tile) {
      double const terms = on_host::terms_of_gradient(dy, 16, 16, tile);
      return doctest::Approx(std::sqrt(expected_square_error(tile, terms))).epsilon(.2).scale(0);
    };
    CAPTURE(dy.height);
    CHECK(gradient_error<on_host::correlator<native>>(dy) == expected(0));
    CHECK(gradient_error<on_host::winograd_correlator<native, 2>>(dy) == expected(2));
    CHECK(gradient_error<on_host::winograd_correlator<native, 4>>(dy) == expected(4));
  }
}

TEST_CASE("a tolerance leaves the tiles that keep it, and what is no worse than the direct sum") {
  constexpr on_host::fast_shape wide{64, 64, 568, 568}, deep{1024, 1024, 64, 64};
  static_assert(fastest_tile(wide, within(6, 1e-4f)) == 6 && fastest_tile(deep, within(6, 1e-4f)) == 6);
  static_assert(fastest_tile(wide, within(6, 5e-6f)) == 6 && fastest_tile(deep, within(6, 5e-6f)) == 4);
  static_assert(fastest_tile(wide, within(6, 1e-6f)) == 4 && fastest_tile(deep, within(6, 1e-6f)) == 2);
  static_assert(fastest_tile(wide, within(6, 0)) == 2 && fastest_tile(deep, within(6, 0)) == 2);
  static_assert(fastest_tile(wide, within(4, 1e-4f)) == 4 && fastest_tile(wide, within(0, 1e-4f)) == 0);

  static_assert(on_host::winograd_tile_of_gradient(gradient_of(96, 84), 64, 64, {}) == 4);
  static_assert(on_host::winograd_tile_of_gradient(gradient_of(96, 84), 64, 64, within(6, 1e-4f)) == 4);
  static_assert(on_host::winograd_tile_of_gradient(gradient_of(96, 84), 64, 64, within(6, 2e-7f)) == 2);
  static_assert(on_host::winograd_tile_of_gradient(gradient_of(5, 4), 1024, 1024, within(6, 0)) == 0);
  static_assert(on_host::winograd_tile_of_gradient(gradient_of(96, 84), 15, 64, {}) == 0);

  for (int inputs = 16; inputs <= 2048; inputs *= 2)
    for (int size = 4; size <= 600; size = size * 3 / 2) {
      int before = 0;
      for (double tolerance = 1e-8; tolerance < 1e-3; tolerance *= 1.5) {
        int const tile = fastest_tile({inputs, 64, size, size}, within(6, static_cast<float>(tolerance)));
        double const lost = expected_square_error(tile, tile == 0 ? 9. * inputs : inputs);
        CHECK(lost <= std::max(tolerance * tolerance * (1 + 1e-6), expected_square_error(0, 9. * inputs)));
        CHECK(tile >= before);  // more tolerance, faster algorithms
        before = tile;
      }
      CHECK(before == fastest_tile({inputs, 64, size, size}, {6}));
    }
}

TEST_CASE("a model says the tolerance, and its layers keep it each by itself") {
  using exact_model = model<seq<conv<16>, relu, conv<64>, relu, conv<16>>, tile<46, 46>, fast_convolution<6, 7e-7f>>;
  static_assert(exact_model::fast_tolerance == 7e-7f && exact_model::largest_fast_tile == 6);
  static_assert(!(model<seq<conv<64>>, tile<46, 46>>::fast_tolerance < 1e30f));
  static_assert(detail::option<fast_convolution<4, 0.f>> && !detail::option<fast_convolution<4, -1e-6f>>);
  static_assert(!detail::option<fast_convolution<4, std::numeric_limits<float>::quiet_NaN()>>);
  static_assert(!detail::option<fast_convolution<3, 1e-6f>>);
  predictions_agree<exact_model>();
  gradients_agree<exact_model>();
  network<exact_model, host> net{{.threads = 2}, seed{3}};
  network<model<exact_model::net, exact_model::tile_type, fast_convolution<6>>, host> loose{{.threads = 2}, seed{3}};
  network<model<exact_model::net, exact_model::tile_type, fast_convolution<4>>, host> usual{{.threads = 2}, seed{3}};
  example<exact_model> e;
  image<float> a{exact_model::output, 16}, b = a, c = a;
  net.infer(std::as_const(e.tile).view(), a.view());
  loose.infer(std::as_const(e.tile).view(), b.view());
  usual.infer(std::as_const(e.tile).view(), c.view());
  CHECK(a.data != b.data);  // 16 and 64 inputs: F(4 × 4) and F(2 × 2) instead of F(6 × 6)
  CHECK(a.data != c.data);
}
