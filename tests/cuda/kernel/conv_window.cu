// Convolutions with any window, up-convolutions, and the data gradients of both, against ops/ at odd sizes.
#include <oxbow/cuda/kernel/conv_window.cuh>

#include "device.cuh"

using namespace oxbow;
using namespace oxbow::testing;
using on_cuda::window_reads;
using on_cuda::window_shape;
using on_cuda::window_tile;

namespace {

int dense = 0;  // how often a kernel for dense sources ran

constexpr window_tile small{1, 4, 4, 1, 32, 3}, large{4, 8, 2, 2, 64, 2}, tall{2, 8, 4, 1, 64, 2};

template <window_tile Tile, class T>
void run(window_shape const& s, device_tensor<T>& x, device_tensor<T>& second, packed_layer<T> const& layer,
         device_tensor<T>& y) {
  using steps = on_cuda::chain<on_cuda::add_bias>;
  auto const start = [&]<window_reads Reads>(std::integral_constant<window_reads, Reads>) {
    launch<on_cuda::conv_window<Tile, Reads, T, on_cuda::store<T, steps>>>(
        {s, x.source(), second.source(), reinterpret_cast<uint4 const*>(layer.weights.data),
         {{{layer.bias.data}, {}}, y.view()}});
  };
  start(std::integral_constant<window_reads, window_reads::anything>{});
  bool const inside = s.pad_y == 0 && s.pad_x == 0 && s.spread_y == 1 && s.spread_x == 1 && !s.mirror;
  if (s.second > 0 || s.first % Tile.chunk != 0 || !inside) return;
  // what needs no questions, to the same bits
  auto const with_questions = y.memory.host();
  y.memory.poison();
  start(std::integral_constant<window_reads, window_reads::dense>{});
  auto const without = y.memory.host();
  CHECK(std::memcmp(without.data(), with_questions.data(), without.size() * sizeof(T)) == 0);
  ++dense;
}
template <class T> void compare(device_tensor<T> const& y, doubles const& should, doubles const& sums, double terms) {
  CHECK(mismatch(y.read(), should, [&](int c, ops::pixel p) {
          return sum_tolerance<T>(terms, sums(c, p)) + store_tolerance<T>(should(c, p));
        }) == "");
}

struct geometry {
  extent x;
  int first, second, out;
  ops::taps at;
};

window_shape shape_of(geometry const& g, extent out) {
  auto const& a = g.at;
  return {.height = out.height, .width = out.width, .first = g.first, .second = g.second,
          .outputs = layout_of_octets::padded(g.out), .taps_y = a.window.height, .taps_x = a.window.width,
          .stride_y = a.stride.height, .stride_x = a.stride.width, .dilation_y = a.dilation.height,
          .dilation_x = a.dilation.width, .pad_y = a.border.height, .pad_x = a.border.width};
}

template <window_tile Tile, class T> void forward(geometry const& g) {
  extent const out = g.at.output_size(g.x);
  doubles const first = random_16<T>(g.x, g.first, 1), second = random_16<T>(g.x, g.second, 2);
  doubles x{g.x, g.first + g.second};
  x.data = first.data;
  x.data.insert(x.data.end(), second.data.begin(), second.data.end());
  auto const w = random_weights<T>(g.out, x.channels, g.at.window, 3, 0.2f);
  auto const b = random_bias(g.out, 4);
  device_tensor<T> d_first(first, 2), d_second(second, 1), y(out, g.out, 1);
  packed_layer<T> const layer(on_cuda::pack_forward(Tile.columns(), Tile.chunk, g.first, g.second, g.out,
                                                 g.at.window.height, g.at.window.width), w, b);
  run<Tile>(shape_of(g, out), d_first, d_second, layer, y);
  compare(y, ops::convolve(x, w, b, g.at),
          ops::convolve(magnitudes(x), magnitudes(w), std::vector<double>(b.size(), 0.5), g.at),
          static_cast<double>(g.at.window.volume()) * x.channels + 1);
}

/// dx of one source: a convolution of dy with the window turned, spread apart by the stride.
template <window_tile Tile, class T> void gradient(geometry const& g) {
  auto const& a = g.at;
  extent const out = a.output_size(g.x);
  doubles const dy = random_16<T>(out, g.out, 5);
  auto const w = random_weights<T>(g.out, g.first, a.window, 3, 0.2f);
  device_tensor<T> d_dy(dy, 1), dx(g.x, g.first, 1);
  packed_layer<T> const layer(
      on_cuda::pack_grad(Tile.columns(), Tile.chunk, g.first, 0, g.out, a.window.height, a.window.width), w,
      std::vector<double>(static_cast<std::size_t>(g.first)));
  window_shape const s{.height = g.x.height, .width = g.x.width, .first = g.out, .second = 0,
                       .outputs = layout_of_octets::padded(g.first), .taps_y = a.window.height,
                       .taps_x = a.window.width, .dilation_y = a.dilation.height, .dilation_x = a.dilation.width,
                       .pad_y = (a.window.height - 1) * a.dilation.height - a.border.height,
                       .pad_x = (a.window.width - 1) * a.dilation.width - a.border.width,
                       .spread_y = a.stride.height, .spread_x = a.stride.width};
  run<Tile>(s, d_dy, d_dy, layer, dx);
  compare(dx, ops::convolve_grad(dy, w, a, g.x), ops::convolve_grad(magnitudes(dy), magnitudes(w), a, g.x),
          static_cast<double>(a.window.volume()) * g.out + 1);
}

// window, stride, dilation, border
geometry const geometries[] = {
    {{1, 11, 13}, 24, 0, 20, {{1, 1, 1}, {}, {}, {0, 0, 0}}},
    {{1, 11, 13}, 72, 0, 136, {{1, 1, 1}, {}, {}, {0, 0, 0}}},
    {{1, 12, 15}, 16, 0, 24, {{1, 3, 3}, {1, 2, 2}, {}, {0, 1, 1}}},
    {{1, 13, 14}, 40, 0, 8, {{1, 3, 3}, {1, 2, 2}, {}, {0, 0, 0}}},
    {{1, 13, 16}, 16, 0, 24, {{1, 3, 3}, {}, {1, 2, 2}, {0, 2, 2}}},
    {{1, 15, 14}, 12, 0, 7, {{1, 3, 3}, {1, 2, 3}, {1, 3, 2}, {0, 3, 1}}},
    {{1, 9, 10}, 16, 0, 16, {{1, 2, 4}, {}, {}, {0, 0, 0}}},
    {{1, 9, 8}, 16, 0, 16, {{1, 5, 5}, {}, {}, {0, 2, 2}}},
    {{1, 1, 1}, 8, 0, 1, {{1, 3, 3}, {}, {}, {0, 1, 1}}},
    {{1, 6, 2}, 8, 0, 8, {{1, 1, 1}, {}, {}, {0, 0, 0}}},
};

}  // namespace

TEST_CASE_TEMPLATE("any window, stride, dilation and border", T, __half, __nv_bfloat16) {
  for (geometry const& g : geometries) {
    INFO("case ", &g - geometries);
    forward<small, T>(g);
    forward<tall, T>(g);
  }
}
TEST_CASE("two sources, with channels that fill no chunk") {
  forward<small, __half>({{1, 9, 10}, 20, 44, 24, {{1, 1, 1}, {}, {}, {0, 0, 0}}});
  forward<tall, __nv_bfloat16>({{1, 9, 10}, 72, 24, 24, {{1, 3, 3}, {1, 2, 2}, {}, {0, 1, 1}}});
}
TEST_CASE("the largest tile, with several of them") {
  forward<large, __half>({{1, 15, 19}, 136, 0, 200, {{1, 1, 1}, {}, {}, {0, 0, 0}}});
}
TEST_CASE_TEMPLATE("data gradients of the same", T, __half, __nv_bfloat16) {
  for (geometry const& g : geometries) {
    INFO("case ", &g - geometries);
    gradient<small, T>(g);
  }
  gradient<tall, T>(geometries[3]);
}

TEST_CASE_TEMPLATE("up-convolutions are stored in place, and their data gradients", T, __half, __nv_bfloat16) {
  auto const check = [&]<window_tile Tile>(std::integral_constant<window_tile, Tile>, extent size, int in, int out) {
    extent const large{1, size.height * 2, size.width * 2};
    doubles const x = random_16<T>(size, in, 1), dy = random_16<T>(large, out, 2);
    auto const w = random_weights<T>(in, out, {1, 2, 2}, 3, 0.2f);
    auto const b = random_bias(out, 4);
    device_tensor<T> d_x(x, 1), y(large, out, 1), d_dy(dy, 1), dx(size, in, 1);
    packed_layer<T> const layer(on_cuda::pack_up(Tile.columns(), Tile.chunk, in, out, 2, 2), w, b);
    run<Tile>({.height = size.height, .width = size.width, .first = in, .second = 0,
               .outputs = layout_of_octets::padded(out), .phases_y = 2, .phases_x = 2}, d_x, d_x, layer, y);
    compare(y, ops::up_convolve(x, w, b),
            ops::up_convolve(magnitudes(x), magnitudes(w), std::vector<double>(b.size(), 0.5)), in + 1);

    packed_layer<T> const back(on_cuda::pack_up_grad(Tile.columns(), Tile.chunk, in, out, 2, 2), w,
                               std::vector<double>(static_cast<std::size_t>(in)));
    run<Tile>({.height = size.height, .width = size.width, .first = out, .second = 0,
               .outputs = layout_of_octets::padded(in), .taps_y = 2, .taps_x = 2, .stride_y = 2, .stride_x = 2},
              d_dy, d_dy, back, dx);
    compare(dx, ops::up_convolve_grad(dy, w, size), ops::up_convolve_grad(magnitudes(dy), magnitudes(w), size),
            4 * out + 1);
  };
  dense = 0;
  check(std::integral_constant<window_tile, large>{}, {1, 7, 9}, 128, 64);
  CHECK(dense == 2);  // there and back
  check(std::integral_constant<window_tile, small>{}, {1, 5, 3}, 24, 12);
  check(std::integral_constant<window_tile, tall>{}, {1, 1, 1}, 65, 33);
}

TEST_CASE("a mirrored border") {
  extent const size{1, 8, 9};
  doubles const x = random_16<__half>(size, 16, 1);
  auto const w = random_weights<__half>(16, 16, {1, 5, 5}, 3, 0.2f);
  auto const b = random_bias(16, 4);
  doubles const seen = ops::make_tensor<double>({1, 12, 13}, 16, [&](int c, ops::pixel p) {
    auto const reflect = [](int v, int n) { return v < 0 ? -v : v >= n ? 2 * n - 2 - v : v; };
    return x(c, {0, reflect(p.y - 2, 8), reflect(p.x - 2, 9)});
  });
  device_tensor<__half> d_x(x, 2), y(size, 16);
  packed_layer<__half> const layer(on_cuda::pack_forward(small.columns(), small.chunk, 16, 0, 16, 5, 5), w, b);
  window_shape s{.height = 8, .width = 9, .first = 16, .second = 0, .outputs = 16, .taps_y = 5, .taps_x = 5,
                 .pad_y = 2, .pad_x = 2};
  s.mirror = true;
  run<small>(s, d_x, d_x, layer, y);
  compare(y, ops::convolve(seen, w, b, {{1, 5, 5}}),
          ops::convolve(magnitudes(seen), magnitudes(w), std::vector<double>(16, 0.5), {{1, 5, 5}}), 401);
}
