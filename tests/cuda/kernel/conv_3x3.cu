// The 3×3 convolution against ops/ at odd sizes: every element type, edge, number of channels and way to share tiles.
#include <oxbow/cuda/kernel/conv_3x3.cuh>

#include "device.cuh"

using namespace oxbow;
using namespace oxbow::testing;
using on_cuda::beyond;
using on_cuda::conv_shape;
using on_cuda::conv_tile;

namespace {

/// The input as the window sees it: with `pad` rows and columns around it.
doubles edged(doubles const& x, int pad, beyond edge) {
  return ops::make_tensor<double>({1, x.size.height + 2 * pad, x.size.width + 2 * pad}, x.channels,
                                  [&](int c, ops::pixel p) {
    ops::pixel q{0, p.y - pad, p.x - pad};
    if (edge == beyond::mirror) {
      q.y = q.y < 0 ? -q.y : q.y >= x.size.height ? 2 * x.size.height - 2 - q.y : q.y;
      q.x = q.x < 0 ? -q.x : q.x >= x.size.width ? 2 * x.size.width - 2 - q.x : q.x;
    }
    return ops::contains(x.size, q) ? x(c, q) : 0.;
  });
}
doubles joined(doubles const& a, doubles const& b) {
  if (b.channels == 0) return a;
  return ops::make_tensor<double>(a.size, a.channels + b.channels, [&](int c, ops::pixel p) {
    return c < a.channels ? a(c, p) : b(c - a.channels, p);
  });
}

template <conv_shape S, conv_tile Tile, class T> void check() {
  using steps = on_cuda::chain<on_cuda::add_bias, on_cuda::apply<relu>>;
  using kernel = on_cuda::conv_3x3<S, Tile, T, on_cuda::store<T, steps>>;
  extent const in{1, S.in_height(), S.in_width()}, out{1, S.height, S.width};
  doubles const first = random_16<T>(in, S.first, 1), second = random_16<T>(in, S.second, 2);
  auto const w = random_weights<T>(S.outputs, S.first + S.second, {1, 3, 3}, 3,
                                   2 / std::sqrt(9.f * static_cast<float>(S.first + S.second)));
  auto const b = random_bias(S.outputs, 4);

  // the first source is a crop: its neighbours hold NaN
  device_tensor<T> d_first(first, 3), d_second(second), d_y(out, S.outputs);
  packed_layer<T> const layer(
      on_cuda::pack_forward(Tile.outputs(), S.chunk, S.first, S.second, S.outputs, 3, 3), w, b);
  device_array<float> partial(static_cast<std::size_t>(kernel::sharing::workspace_floats));
  device_array<unsigned> arrived(std::vector<unsigned>(static_cast<std::size_t>(kernel::sharing::split)));
  launch<kernel>({d_first.source(), d_second.source(), reinterpret_cast<uint4 const*>(layer.weights.data),
                  {{{layer.bias.data}, {}}, d_y.view()}, partial.data, arrived.data});

  doubles const x = joined(edged(first, S.pad, S.edge), edged(second, S.pad, S.edge));
  doubles y = ops::convolve(x, w, b, {{1, 3, 3}});
  doubles const sums = ops::convolve(magnitudes(x), magnitudes(w), std::vector<double>(b.size(), 0.5), {{1, 3, 3}});
  for (double& e : y.data) e = e > 0 ? e : 0;
  CHECK(mismatch(d_y.read(), y, [&](int c, ops::pixel p) {
          return sum_tolerance<T>(9 * x.channels + 1, sums(c, p)) + store_tolerance<T>(y(c, p));
        }) == "");
  for (unsigned n : arrived.host()) CHECK(n == 0);
}

/// Bytes of shared memory for its sums.
template <conv_shape S, conv_tile Tile>
constexpr std::size_t room = sizeof(on_cuda::conv_3x3<S, Tile, __half, on_cuda::store<__half>>::storage::stages);

constexpr conv_tile square{8, 1, 2, 2, 1, 8, 2}, three_stages{8, 1, 2, 2, 1, 8, 3}, flat{4, 2, 2, 1, 2, 8, 2};
constexpr conv_tile narrow_k{6, 1, 2, 2, 1, 4, 2};

}  // namespace

TEST_CASE_TEMPLATE("a valid convolution of odd size", T, __half, __nv_bfloat16) {
  check<conv_shape{19, 21, 64, 0, 64}, square, T>();
  check<conv_shape{9, 33, 96, 0, 128}, flat, T>();
}
TEST_CASE("three stages of weights") { check<conv_shape{19, 21, 96, 0, 64}, three_stages, __half>(); }
TEST_CASE("one pixel") { check<conv_shape{1, 1, 32, 0, 32}, narrow_k, __half>(); }
TEST_CASE_TEMPLATE("channels that fill no chunk, octet or tile", T, __half, __nv_bfloat16) {
  check<conv_shape{7, 10, 5, 0, 3}, narrow_k, T>();
  check<conv_shape{8, 9, 40, 0, 43}, square, T>();
}
TEST_CASE("two sources, the first one a crop") {
  check<conv_shape{17, 17, 64, 64, 64}, square, __half>();
  check<conv_shape{5, 9, 12, 37, 40}, square, __half>();
}
TEST_CASE("zeros around the input") {
  check<conv_shape{13, 18, 32, 0, 64, 1, beyond::zeros}, square, __half>();
  check<conv_shape{11, 9, 16, 24, 32, 1, beyond::zeros}, narrow_k, __nv_bfloat16>();
  check<conv_shape{10, 11, 64, 0, 32, 2, beyond::zeros}, narrow_k, __half>();
}
TEST_CASE("the input mirrored around itself") {
  check<conv_shape{11, 17, 32, 0, 32, 1, beyond::mirror}, narrow_k, __half>();
}
TEST_CASE("the tiles that the rule picks") {
  constexpr conv_shape tiny{2, 3, 3, 0, 2}, odd{30, 33, 40, 24, 96, 1, beyond::zeros}, deep{6, 6, 128, 0, 256};
  check<tiny, on_cuda::tune::pick(tiny, on_cuda::sm80::limits), __half>();
  check<odd, on_cuda::tune::pick(odd, on_cuda::sm80::limits), __nv_bfloat16>();
  check<deep, on_cuda::tune::pick(deep, on_cuda::sm90::limits), __half>();  // shared between blocks
}
TEST_CASE("tiles that blocks share") {
  constexpr conv_tile seven{8, 1, 2, 2, 1, 8, 2, 7}, five{6, 1, 1, 2, 2, 4, 3, 5}, eight{6, 1, 1, 2, 2, 4, 2, 8};
  check<conv_shape{19, 37, 160, 0, 128}, seven, __half>();   // 12 tiles
  check<conv_shape{29, 21, 96, 0, 128}, five, __half>();     // 20 tiles
  check<conv_shape{29, 21, 64, 32, 128}, eight, __nv_bfloat16>();
}
TEST_CASE("a tile of many blocks, whose sums wait in shared memory or find no room there") {
  constexpr conv_tile five{8, 1, 2, 2, 1, 8, 2, 5}, six{6, 1, 1, 2, 2, 4, 3, 6}, large{8, 1, 2, 2, 2, 8, 2, 5};
  static_assert(room<conv_shape{13, 15, 224, 0, 64}, five> >= sizeof(float) * 16 * 16 * 64);
  static_assert(room<conv_shape{13, 15, 160, 0, 128}, large> < sizeof(float) * 16 * 16 * 128);
  check<conv_shape{13, 15, 224, 0, 64}, five, __half>();    // a tile of seven chunks
  check<conv_shape{5, 29, 320, 0, 64}, six, __half>();      // two tiles
  check<conv_shape{13, 15, 160, 0, 128}, large, __half>();  // a chunk for each block
}
