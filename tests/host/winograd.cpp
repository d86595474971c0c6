// Winograd's convolutions: their numbers, their error beside its bound, and whole layers of every size against the oracle.
#include <oxbow/host/winograd/convolve.hpp>

#include "agreement.hpp"
#include "patches.hpp"

using namespace oxbow;
using namespace oxbow::testing;
using on_host::native;
using on_host::winograd;

namespace {

/// Aᵀ, Bᵀ and G as matrices, read off the transforms by what they make of unit vectors.
template <int Tile> struct matrices {
  static constexpr int n = winograd<Tile>::size;
  using axis = on_host::winograd_axis<native, Tile>;
  using v = on_host::vec<native>;
  static constexpr int taps = winograd<Tile>::taps;
  double a[Tile][n]{}, b[n][n]{}, g[n][taps]{};

  static double first(v const& x) {
    alignas(64) float e[v::size];
    x.store_aligned(e);
    return static_cast<double>(e[0]);
  }
  template <int In, int Out, class F> static void columns(double (&m)[Out][In], F const& f) {
    for (int k = 0; k < In; ++k) {
      v in[In], out[Out];
      for (int i = 0; i < In; ++i) in[i] = v(i == k ? 1.f : 0.f);
      f(in, out);
      for (int i = 0; i < Out; ++i) m[i][k] = first(out[i]);
    }
  }
  matrices() {
    columns(a, [](v const(&in)[n], v(&out)[Tile]) { axis::output(in, out); });
    columns(b, [](v const(&in)[n], v(&out)[n]) { axis::input(in, out); });
    columns(g, [](v const(&in)[taps], v(&out)[n]) { axis::weights(in, out); });
  }
  static double norm(auto const& m) {  // the largest sum of a row's absolute values
    double most = 0;
    for (auto const& row : m) {
      double sum = 0;
      for (double x : row) sum += std::abs(x);
      most = std::max(most, sum);
    }
    return most;
  }
  /// Largest Σ |Aᵀ| |Bᵀ| |G| over outputs: by how much the products can be larger than what they sum up to. The bound
  /// below needs no more of the algorithm.
  double growth() const {
    double most = 0;
    for (auto const& of_output : a) {
      double sum = 0;
      for (int i = 0; i < n; ++i) {
        double in = 0, weight = 0;
        for (double x : b[i]) in += std::abs(x);
        for (double x : g[i]) weight += std::abs(x);
        sum += std::abs(of_output[i]) * in * weight;
      }
      most = std::max(most, sum);
    }
    return most * most;  // two axes
  }
  /// The same of squares, beside the terms of a direct sum: the mean over outputs, or the largest.
  double random_growth(bool largest = false) const {
    auto const squares = [](auto const& row) {
      double sum = 0;
      for (double x : row) sum += x * x;
      return sum;
    };
    double all = 0, most = 0;
    for (auto const& of_output : a) {
      double sum = 0;
      for (int i = 0; i < n; ++i) sum += of_output[i] * of_output[i] * squares(b[i]) * squares(g[i]) / taps;
      all += sum / Tile, most = std::max(most, sum);
    }
    return largest ? most * most : all * all;
  }
};

template <int N> struct tile_of { static constexpr int value = N; };

/// One layer in single precision, tile by tile, and in double, straight from the definition: a convolution, or with an
/// odd tile an enlargement by two, four of them whose outputs take turns.
struct errors {
  double worst = 0, bound = 0;
  double mean = 0;  ///< root mean square, over that of the results
  double size = 0;  ///< root mean square of the results
  int results = 0;
  int differ = 0;  ///< outputs that are others with weights transformed panel by panel
};
template <int Tile> errors layer_errors(int channels, chance& any) {
  using box_type = on_host::winograd_box<native, Tile>;
  using plain = on_host::packed_weights<native>;
  using packing = on_host::winograd_weights<native, Tile>;
  constexpr int rows = 3, columns = 5, outputs = 17, phases = box_type::phases, step = phases > 1 ? 2 : 1;
  constexpr int side = packing::side, taps = packing::taps;
  extent const in{1, rows * Tile + side - 1, columns * Tile + side - 1}, of_phase{1, rows * Tile, columns * Tile},
      out{1, step * of_phase.height, step * of_phase.width};
  box_type const fast{of_phase, channels, outputs, false}, by_panel{of_phase, channels, outputs, true};
  weight_use const use{outputs, channels, {1, side, side}};
  std::int64_t const of_weights = outputs * channels * taps;
  std::vector<float> const w = any.numbers(static_cast<int>(phases * of_weights)),
                           x = any.numbers(in.height * in.width * channels);
  auto const aligned = [](std::int64_t floats) { return on_host::memory{floats * 4 + 64, "test"}; };
  on_host::memory const packed = aligned(phases * plain::floats(use)), whole = aligned(phases * packing::floats(use)),
                        u = aligned(by_panel.weight_floats()),
                        v = aligned(std::max(fast.input_floats(), by_panel.input_floats())),
                        m = aligned(fast.product_floats()), blocks = aligned(patch::floats(in, channels)),
                        y = aligned(patch::floats(out, outputs)), again = aligned(patch::floats(out, outputs)),
                        bias = aligned(64);
  std::fill_n(bias.floats(), 64, 0.f);
  auto const poison_all = [](auto const&... memory) {
    (std::fill_n(memory.floats(), memory.bytes() / 4, poison()), ...);
  };
  poison_all(packed, whole, u, v, m, y, again);
  std::fill_n(blocks.floats(), blocks.bytes() / 4, 0.f);
  for (int n = 0; n < phases * plain::panels(outputs); ++n) {
    for (int b = 0; b < layout::blocks(channels); ++b)
      plain::pack_block(w.data() + n % phases * of_weights, use, n / phases, b, nullptr,
                        packed.floats() + plain::offset(n, channels, b, taps));
    packing::transform_panel(packed.floats() + plain::offset(n, channels, 0, taps), channels,
                             whole.floats() + n * packing::panel_floats(channels));
  }
  for (int c = 0; c < channels; ++c)
    for (int p = 0; p < in.volume(); ++p)
      blocks.floats()[(c / 16 * in.volume() + p) * 16 + c % 16] = x[static_cast<std::size_t>(c * in.volume() + p)];
  auto const run = [&](box_type const& box, on_host::memory const& weights, float* made, patch const& to) {
    for (int b = 0; b < layout::blocks(channels); ++b)
      box.transform(b, {blocks.floats() + b * in.volume() * 16, in.width * 16}, 0, 0, rows, columns, v.floats());
    on_host::box_result result{to};
    result.size = of_phase;
    for (int n = 0; n < phases; ++n)
      result.to[n] = {.data = to.at(0, 0, n / step, n % step),
                      .row = step * out.width * 16,
                      .next_block = to.block_stride,
                      .bottom = of_phase.height,
                      .right = of_phase.width};
    box.template multiply<&function_of<identity>::self>(v.floats(), {.packed = weights.floats(), .transformed = made},
                                                        bias.floats(), m.floats(), result);
  };
  patch const to = patch::over(y.floats(), {{0, 0, 0}, out}, outputs),
              other = patch::over(again.floats(), {{0, 0, 0}, out}, outputs);
  run(fast, whole, nullptr, to);
  poison_all(v, m);
  run(by_panel, packed, u.floats(), other);

  errors e;
  double squares = 0, of_results = 0;
  for (int k = 0; k < outputs; ++k)
    for (int i = 0; i < out.volume(); ++i)
      if (to.at(k / 16, 0, 0, i)[k % 16] != other.at(k / 16, 0, 0, i)[k % 16]) ++e.differ;
  for (int k = 0; k < outputs; ++k)
    for (int r = 0; r < out.height; ++r)
      for (int s = 0; s < out.width; ++s) {
        double sum = 0;
        std::int64_t const phase = step == 1 ? 0 : r % 2 * 2 + s % 2;
        for (int c = 0; c < channels; ++c)
          for (int t = 0; t < taps; ++t) {
            std::int64_t const pixel = in.index(0, r / step + t / side, s / step + t % side);
            std::int64_t const weight = phase * of_weights + (k * channels + c) * taps + t;
            sum += static_cast<double>(w[static_cast<std::size_t>(weight)]) *
                   static_cast<double>(x[static_cast<std::size_t>(c * in.volume() + pixel)]);
          }
        double const d = std::abs(static_cast<double>(to.at(k / 16, 0, r, s)[k % 16]) - sum);
        squares += d * d, of_results += sum * sum, ++e.results;
        e.worst = d <= e.worst ? e.worst : std::isnan(d) ? 1e30 : d;
      }
  e.mean = std::sqrt(squares / of_results), e.size = std::sqrt(of_results / e.results);
  // |x| and |w| are at most 1. Each product Aᵀ[…] is behind at most size − 1 additions of Bᵀ and 2 of G along each of two
  // axes, `channels` of the sum and size − 1 of Aᵀ along two axes, each rounded once, and 6 rounded coefficients.
  double const roundings = 2 * (2 * (winograd<Tile>::size - 1) + 2) + channels + 6;
  e.bound = roundings * rounding * matrices<Tile>{}.growth() * channels;
  return e;
}

template <int F> using layer = seq<conv<F>, relu>;
template <int F> using same = seq<conv<F, 3, pad::zero>, silu>;

}  // namespace

TEST_CASE_TEMPLATE("the transforms multiply polynomials: Aᵀ (G g ⊙ Bᵀ d) is the correlation of d with g", Tile, tile_of<2>,
                   tile_of<3>, tile_of<4>, tile_of<5>, tile_of<6>, tile_of<7>) {
  constexpr int tile = Tile::value, n = winograd<tile>::size;
  matrices<tile> const m;
  for (int output = 0; output < tile; ++output)
    for (int tap = 0; tap < winograd<tile>::taps; ++tap)
      for (int k = 0; k < n; ++k) {
        double sum = 0;
        for (int i = 0; i < n; ++i) sum += m.a[output][i] * m.g[i][tap] * m.b[i][k];
        CHECK(sum == doctest::Approx(k == output + tap ? 1. : 0.).epsilon(1e-5).scale(1));
      }
  CHECK(m.random_growth() == doctest::Approx(on_host::random_growth<tile>).epsilon(1e-5));
}

TEST_CASE_TEMPLATE("the error stays within its bound, and is of the size that docs/cpu-performance.md says", Tile, tile_of<2>,
                   tile_of<3>, tile_of<4>, tile_of<5>, tile_of<6>, tile_of<7>) {
  chance any{7};
  for (int channels : {16, 17, 33, 64, 100, 128, 130, 300}) {
    errors const e = layer_errors<Tile::value>(channels, any);
    CAPTURE(channels);
    CAPTURE(e.worst);
    CAPTURE(e.bound);
    CHECK(e.worst <= e.bound);
    // The largest of n errors is √(2 log n) deviations, 4 or 5, and hardly ever one more. The deviation is that of the
    // outputs of a tile that lose most, and half as much again in a tile whose inputs are large.
    matrices<Tile::value> const m;
    double const mean = on_host::expected_square_error(Tile::value, channels),
                 deviation = 1.5 * e.size * std::sqrt(mean * m.random_growth(true) / m.random_growth());
    CHECK(e.worst <= (std::sqrt(2 * std::log(e.results)) + 1) * deviation);
    CHECK(e.worst > 0);
    // 4,000 errors, of which those of a tile share roundings, and a mean over mantissas that few sums never meet.
    CHECK(e.mean == doctest::Approx(std::sqrt(mean)).epsilon(.2).scale(0));
    CHECK(e.differ == 0);
  }
}

TEST_CASE("the cost model takes large tiles for large images, small ones for small, none for few channels' sake") {
  using on_host::fastest_tile;
  static_assert(fastest_tile({64, 64, 568, 568}, {4}) == 4);
  static_assert(fastest_tile({64, 64, 568, 568}, {2}) == 2);
  static_assert(fastest_tile({64, 64, 568, 568}, {0}) == 0);
  static_assert(fastest_tile({64, 64, 6, 6}, {4}) == 2);
  static_assert(fastest_tile({64, 64, 2, 2}, {4}) == 0);
  static_assert(fastest_tile({1024, 1024, 28, 28}, {4}) == 4);
  static_assert(fastest_tile({390, 376, 13, 10}, {4}) == 4 && on_host::transforms_by_panel(390, 376, 4));
  constexpr auto wide = [](int height, int width) {
    return instruction{
        .kind = op_kind::convolve, .out_size = {1, height, width}, .in_channels = 390, .out_channels = 376};
  };
  constexpr auto rows_of_tiles = [](int count) {
    return on_host::step_tiles{.unit = {1, 4, 4}, .count = {1, count, 1}};
  };
  static_assert(on_host::transforms_in_boxes(wide(24, 28), rows_of_tiles(2), 4));
  static_assert(on_host::transforms_in_boxes(wide(112, 24), rows_of_tiles(7), 4));
  static_assert(!on_host::transforms_in_boxes(wide(28, 24), rows_of_tiles(7), 4));
  static_assert(!on_host::transforms_by_panel(256, 512, 4) && !on_host::transforms_by_panel(1024, 1024, 0));
  static_assert(fastest_tile({1, 64, 568, 568}, {4}) == 0);
  constexpr instruction strided{.kind = op_kind::convolve,
                                .window = {1, 3, 3},
                                .stride = {1, 2, 2},
                                .in_size = {1, 64, 64},
                                .out_size = {1, 32, 32},
                                .in_channels = 64,
                                .out_channels = 64};
  static_assert(on_host::winograd_tile(strided, {4}) == 0);
}

TEST_CASE_TEMPLATE(
    "layers of odd sizes and channels, valid and padded, joined and pooled, agree with the oracle", Model,
    model<seq<layer<17>, layer<33>, conv<65>, conv<2, 1>>, tile<29, 17>, channels<3>>,
    model<seq<same<16>, same<48>, level<same<20>, seq<max_pool<2>, same<34>, up_conv<20>>, same<24>>, conv<3, 1>>,
          tile<22, 38>>,
    model<seq<layer<32>, residual<seq<same<32>, dropout<.3f>, conv<32, 3, pad::mirror>>>, batch_norm, conv<19>>,
          tile<19, 23>>,
    model<seq<same<16>, conv<16, 3, pad::zero>, conv<2, 1>>, tile<1, 5>>,
    model<seq<layer<16>, layer<32>, conv<16>>, tile<24, 21>, fast_convolution<2>>,
    model<seq<layer<16>, layer<32>, conv<16>>, tile<40, 27>, fast_convolution<6>>,
    model<seq<layer<390>, layer<376>, conv<2, 1>>, tile<17, 14>>) {
  predictions_agree<Model>();
  gradients_agree<Model>();
}

TEST_CASE("the gradient of a join is written in both tensors, by one thread and by many that share out its channels") {
  using joined = model<seq<same<16>, level<same<32>, seq<max_pool<2>, same<48>, up_conv<16>>, same<24>>, conv<3, 1>>,
                       tile<26, 38>>;
  for (int threads : {1, 2, 3}) gradients_agree_on<joined>(host{threads});
}

TEST_CASE("what is so large that it is stored past the caches agrees with the oracle") {
  using large = model<seq<layer<17>, layer<17>, layer<17>, conv<2, 1>>, tile<241, 235>>;
  predictions_agree<large>();
  gradients_agree<large>();
}

TEST_CASE_TEMPLATE("gradients of so many weights that they are stored past the caches agree, on cache lines and off them",
                   Model, model<seq<layer<416>, layer<432>, conv<2, 1>>, tile<7, 8>, channels<3>>,
                   model<seq<layer<411>, layer<432>, conv<2, 1>>, tile<7, 8>, channels<7>>,
                   model<seq<layer<17>, layer<416>, layer<432>, conv<2, 1>>, tile<9, 10>>) {
  static_assert(Model::parameter_count * 4 > on_host::streamed_bytes);
  gradients_agree<Model>();
}

TEST_CASE_TEMPLATE("weights that are made for each run give the bits of weights that are kept", Model,
                   model<seq<layer<17>, layer<32>, conv<3, 1>>, tile<30, 26>>,
                   model<seq<layer<17>, layer<390>, layer<376>, conv<3, 1>>, tile<30, 26>>,
                   model<seq<layer<17>, layer<400>, layer<368>, relu, conv<3>>, tile<30, 26>>,
                   model<seq<layer<128>, layer<128>, conv<3, 1>>, tile<14, 14>>) {
  network<Model, host> keeps{{.threads = 2}, seed{3}}, makes{{.threads = 1, .keep_weights = false}, seed{3}},
      crowd{{.threads = 7}, seed{3}}, makers{{.threads = 7, .keep_weights = false}, seed{3}};  // who share out channels
  example<Model> e;
  image<float> a{Model::output, 3}, b = a, c = a, d = a;
  keeps.infer(std::as_const(e.tile).view(), a.view());
  makes.infer(std::as_const(e.tile).view(), b.view());
  crowd.infer(std::as_const(e.tile).view(), c.view());
  makers.infer(std::as_const(e.tile).view(), d.view());
  CHECK(a.data == b.data);
  CHECK(a.data == c.data);
  CHECK(a.data == d.data);
  CHECK(makes.bytes() < keeps.bytes());
}

TEST_CASE("a blank network has parameters of zero, and is any other once it has that one's") {
  using model_type = model<seq<layer<17>, layer<32>, conv<3, 1>>, tile<30, 26>>;
  network<model_type, host> drawn{{}, seed{3}}, empty{{}, blank{}};
  for (float const x : std::as_const(empty).parameters()) REQUIRE(x == 0);
  example<model_type> e;
  image<float> a{model_type::output, 3}, b{model_type::output, 3, 7.f};
  empty.infer(std::as_const(e.tile).view(), b.view());
  for (float const x : b.data) REQUIRE(x == 0);
  std::ranges::copy(std::as_const(drawn).parameters(), empty.parameters().begin());
  drawn.infer(std::as_const(e.tile).view(), a.view());
  empty.infer(std::as_const(e.tile).view(), b.view());
  CHECK(a.data == b.data);
}
