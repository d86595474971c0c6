// The fused head against ops/: logits, loss, the gradient of the map, and those of the head's own weights.
#include <oxbow/cuda/kernel/conv_3x3.cuh>
#include <oxbow/cuda/kernel/head.cuh>

#include <oxbow/ops/loss.hpp>

#include "device.cuh"

using namespace oxbow;
using namespace oxbow::testing;
using on_cuda::conv_shape;
using on_cuda::conv_tile;

namespace {

/// Rows of `width` values, zero beyond what is there.
std::vector<float> widened(std::vector<double> const& v, int rows, int width) {
  std::vector<float> w(static_cast<std::size_t>(rows * width));
  int const columns = static_cast<int>(v.size()) / rows;
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c)
      w[static_cast<std::size_t>(r * width + c)] = static_cast<float>(v[static_cast<std::size_t>(r * columns + c)]);
  return w;
}

template <conv_shape S, conv_tile Tile, class T, class F, int Classes>
void check(double (*derivative)(double), double (*value)(double)) {
  extent const out{1, S.height, S.width};
  doubles const x = random_16<T>({1, S.in_height(), S.in_width()}, S.first, 1);
  auto const w = random_weights<T>(S.outputs, S.first, {1, 3, 3}, 2, 2 / std::sqrt(9.f * S.first));
  auto const b = random_bias(S.outputs, 3), hb = random_bias(Classes, 5);
  ops::filter<double> hw{Classes, S.outputs, {}};
  for (std::size_t i = 0; i < hw.data.size(); ++i)
    hw.data[i] = double{random_stream{4, purpose::noise, 0, 0}.uniform(i, -0.5f, 0.5f)};
  std::vector<std::uint8_t> labels;
  doubles weights{out, 1};
  for (int i = 0; i < out.volume(); ++i) {
    labels.push_back(i % 7 == 3 ? ignored : static_cast<std::uint8_t>(i * 5 % 3 % Classes));
    weights.data[static_cast<std::size_t>(i)] = 0.5 + i % 13 / 8.;
  }
  double count = 0;
  for (auto l : labels) count += l != ignored;

  // the oracle, all in double
  doubles const s = ops::convolve(x, w, b, {{1, 3, 3}});
  doubles const sums = ops::convolve(magnitudes(x), magnitudes(w), std::vector<double>(b.size(), 0.5), {{1, 3, 3}});
  doubles map = s;
  for (double& v : map.data) v = value(v);
  doubles const z = ops::convolve(map, hw, hb, {});
  auto const loss = ops::softmax_cross_entropy(z, labels, weights);
  doubles const dmap = ops::convolve_grad(loss.gradient, hw, {}, out);

  // A sum of the map is off by at most `e`, its value by 1.2 times that; a logit by that times the weights of its row,
  // and its own additions.
  doubles e{out, S.outputs};
  for (std::size_t i = 0; i < e.data.size(); ++i) e.data[i] = sum_tolerance<T>(9 * S.first + 1, sums.data[i]);
  doubles const ez = ops::make_tensor<double>(out, 1, [&](int, ops::pixel p) {
    double off = 0, all = 1;
    for (int k = 0; k < S.outputs; ++k)
      off += 0.5 * (1.2 * e(k, p) + 0x1p-20), all += 0.5 * std::fabs(map(k, p));
    return off + (S.outputs + 4) * 0x1p-24 * all;
  });

  device_tensor<T> d_x(x), d_gradient(out, S.outputs, 1);
  packed_layer<T> const layer(on_cuda::pack_forward(Tile.outputs(), S.chunk, S.first, 0, S.outputs, 3, 3), w, b);
  device_array<float> const d_b(widened(b, 1, Tile.outputs())), d_hw(widened(hw.data, Classes, Tile.outputs()));
  device_array<float> const d_hb(widened(hb, 1, Classes));
  on_cuda::head_layers const layers{d_b.data, d_hw.data, d_hb.data};
  auto const* packed = reinterpret_cast<uint4 const*>(layer.weights.data);

  {
    using sink = on_cuda::head_logits<F, Classes>;
    device_array<float> logits(static_cast<std::size_t>(out.volume() * Classes));
    launch<on_cuda::conv_3x3<S, Tile, T, sink>>(
        {d_x.source(), d_x.source(), packed, {layers, logits.data, S.height, S.width}, nullptr, nullptr});
    auto const got = logits.host();
    doubles const is = ops::make_tensor<double>(out, Classes, [&](int j, ops::pixel p) {
      return double{got[static_cast<std::size_t>((p.y * S.width + p.x) * Classes + j)]};
    });
    CHECK(mismatch(is, z, [&](int, ops::pixel p) { return ez(0, p); }) == "");
  }

  using sink = on_cuda::head_loss<T, F, &loss_of<cross_entropy>::self, Classes>;
  using kernel = on_cuda::conv_3x3<S, Tile, T, sink>;
  constexpr double scale = 64;
  device_array<std::uint8_t> const d_labels(labels);
  device_array<float> const d_weights(std::vector<float>(weights.data.begin(), weights.data.end()));
  device_array<float> const d_share(std::vector<float>{static_cast<float>(1 / count)});
  device_array<float> const d_scale(std::vector<float>{static_cast<float>(scale)});
  device_array<float> pixel_loss(labels.size());
  device_array<float> partial(static_cast<std::size_t>(kernel::tiles * sink::sums_of(Tile.outputs())));
  launch<kernel>({d_x.source(), d_x.source(), packed,
                  {layers, d_labels.data, d_weights.data, d_share.data, d_scale.data, d_gradient.view(),
                   pixel_loss.data, partial.data, S.height, S.width, layout_of_octets::padded(S.outputs)},
                  nullptr, nullptr});
  device_array<float> dw(hw.data.size()), db(Classes);
  device_array<double> total(1);
  double const squares =
      finish({.head = {partial.data, kernel::tiles, Classes, Tile.outputs(), S.outputs, dw.data, db.data}});
  on_cuda::loss_sums sum{pixel_loss.data, static_cast<std::int64_t>(labels.size())};
  device_array<double> const parts(static_cast<std::size_t>(sum.blocks()));
  device_array<unsigned> const arrived(std::vector<unsigned>(1));
  sum.parts = parts.data, sum.arrived = arrived.data, sum.out = total.data;
  finish({.loss = sum});

  // A probability changes by at most half as much as a logit; a loss by at most twice as much. Exponentials and
  // logarithms of this hardware are good to 2^−20 here.
  auto const off = [&](ops::pixel p) {
    return weights(0, p) / count * (2 * ez(0, p) + 0x1p-19 * (1 + std::fabs(z(0, p))));
  };
  auto const got_loss = pixel_loss.host();
  doubles const is_loss = ops::make_tensor<double>(out, 1, [&](int, ops::pixel p) {
    return double{got_loss[static_cast<std::size_t>(p.y * S.width + p.x)]};
  });
  CHECK(mismatch(is_loss, loss.loss, [&](int, ops::pixel p) { return off(p) + 0x1p-20 * loss.loss(0, p); }) == "");

  doubles const gradient = ops::make_tensor<double>(out, S.outputs, [&](int k, ops::pixel p) {
    return scale * dmap(k, p) * derivative(s(k, p));
  });
  CHECK(mismatch(d_gradient.read(), gradient, [&](int k, ops::pixel p) {
          // the derivative jumps where a sum is zero to within its error, and is otherwise at most as steep as 1
          double const jump = std::fabs(s(k, p)) <= e(k, p) ? std::fabs(scale * dmap(k, p)) : 0;
          return jump + scale * (1.2 * Classes * 0.5 * off(p) + 1.2 * e(k, p) * std::fabs(dmap(k, p))) +
                 store_tolerance<T>(gradient(k, p)) + 0x1p-20 * std::fabs(gradient(k, p));
        }) == "");

  auto const got_w = dw.host(), got_b = db.host();
  double length = 0;
  for (float g : got_w) length += double{g} * double{g};
  for (float g : got_b) length += double{g} * double{g};
  CHECK(std::fabs(squares - length) <= 0x1p-53 * static_cast<double>(got_w.size() + got_b.size()) * length);
  for (int j = 0; j < Classes; ++j) {
    double bias = 0, bias_off = 0;
    ops::for_each_pixel(out, [&](ops::pixel p) {
      bias += scale * loss.gradient(j, p), bias_off += scale * (off(p) + 0x1p-14 * std::fabs(loss.gradient(j, p)));
    });
    CHECK(std::fabs(bias - got_b[static_cast<std::size_t>(j)]) <= bias_off);
    for (int k = 0; k < S.outputs; ++k) {
      double sum = 0, allowed = 0;
      ops::for_each_pixel(out, [&](ops::pixel p) {
        sum += scale * loss.gradient(j, p) * map(k, p);
        allowed += scale * (off(p) * std::fabs(map(k, p)) +
                            std::fabs(loss.gradient(j, p)) * (1.2 * e(k, p) + 0x1p-14 * std::fabs(map(k, p))));
      });
      REQUIRE(std::fabs(sum - got_w[static_cast<std::size_t>(j * S.outputs + k)]) <= allowed);
    }
  }
  double should = 0, allowed = 0;
  ops::for_each_pixel(out, [&](ops::pixel p) {
    should += loss.loss(0, p), allowed += off(p) + 0x1p-14 * loss.loss(0, p);
  });
  CHECK(std::fabs(total.host()[0] - should) <= allowed);
}

constexpr conv_tile square{8, 1, 2, 2, 1, 8, 2}, narrow_k{6, 2, 2, 2, 1, 4, 2};
double relu_value(double x) { return x > 0 ? x : 0; }
double relu_slope(double x) { return x > 0; }
double silu_value(double x) { return x / (1 + std::exp(-x)); }
double silu_slope(double x) {
  double const s = 1 / (1 + std::exp(-x));
  return s * (1 + x * (1 - s));
}

}  // namespace

TEST_CASE_TEMPLATE("two classes after relu", T, __half, __nv_bfloat16) {
  check<conv_shape{19, 21, 32, 0, 64}, square, T, relu, 2>(relu_slope, relu_value);
}
TEST_CASE("three classes after an activation whose derivative needs its input, and channels that fill no tile") {
  check<conv_shape{13, 18, 16, 0, 21}, narrow_k, __half, silu, 3>(silu_slope, silu_value);
}
TEST_CASE("eight classes") { check<conv_shape{9, 8, 16, 0, 32}, narrow_k, __half, relu, 8>(relu_slope, relu_value); }
