// The convolution of an image of few channels, and its weight gradient, against ops/ at odd sizes.
#include <oxbow/cuda/kernel/conv_image.cuh>

#include <oxbow/ops/pooling.hpp>

#include "device.cuh"

using namespace oxbow;
using namespace oxbow::testing;
using on_cuda::image_shape;

namespace {

/// An image in fp32 that T cannot hold exactly: channels last, without padding.
struct device_image {
  extent size;
  int channels;
  device_array<float> memory;

  explicit device_image(doubles const& x) : size{x.size}, channels{x.channels}, memory(last(x)) {}
  static std::vector<float> last(doubles const& x) {
    std::vector<float> v;
    ops::for_each_pixel(x.size, [&](ops::pixel p) {
      for (int c = 0; c < x.channels; ++c) v.push_back(static_cast<float>(x(c, p)));
    });
    return v;
  }
  on_cuda::source<float const> source() const {
    return {{memory.data, channels, size.width * channels}, size.height, size.width};
  }
};

template <int Channels, int TapsY, int TapsX, class T>
void check(extent size, int outputs, int pad_y, int pad_x, int splits, bool mirror = false) {
  random_stream const stream{1, purpose::noise, 1, 0};
  doubles image{size, Channels};
  for (std::size_t i = 0; i < image.data.size(); ++i) image.data[i] = double{stream.uniform(i, -1, 1)};
  doubles x = image;
  for (double& v : x.data) v = double{rounded<T>(static_cast<float>(v))};
  // the window sees zeros or the mirror image around it
  doubles const seen = ops::make_tensor<double>({1, size.height + 2 * pad_y, size.width + 2 * pad_x}, Channels,
                                                [&](int c, ops::pixel p) {
    auto const reflect = [&](int v, int n) { return !mirror ? v : v < 0 ? -v : v >= n ? 2 * n - 2 - v : v; };
    ops::pixel const q{0, reflect(p.y - pad_y, size.height), reflect(p.x - pad_x, size.width)};
    return ops::contains(size, q) ? x(c, q) : 0.;
  });
  ops::taps const at{{1, TapsY, TapsX}};
  extent const out = at.output_size(seen.size);
  auto const w = random_weights<T>(outputs, Channels, at.window, 2, 0.5f);
  auto const b = random_bias(outputs, 3);
  device_image const d_image(image);
  image_shape const s{out.height, out.width, outputs, pad_y, pad_x, mirror};

  using steps = on_cuda::chain<on_cuda::add_bias, on_cuda::apply<relu>>;
  packed_layer<T> const layer(on_cuda::pack_image(64, Channels, TapsY * TapsX, outputs), w, b);
  doubles y = ops::convolve(seen, w, b, at);
  doubles const sums = ops::convolve(magnitudes(seen), magnitudes(w), std::vector<double>(b.size(), 0.5), at);
  for (double& v : y.data) v = v > 0 ? v : 0;
  auto const near = [&](int c, ops::pixel p) {
    return sum_tolerance<T>(TapsY * TapsX * Channels + 1, sums(c, p)) + store_tolerance<T>(y(c, p));
  };
  device_tensor<T> d_y(out, outputs, 1);
  using kernel = on_cuda::conv_image<Channels, TapsY, TapsX, T, on_cuda::store<T, steps>>;
  launch<kernel>({s, d_image.source(), reinterpret_cast<uint4 const*>(layer.weights.data),
                  {{{layer.bias.data}, {}}, d_y.view()}});
  CHECK(mismatch(d_y.read(), y, near) == "");

  extent const half{1, out.height / 2, out.width / 2};
  if (half.volume() > 0) {
    device_tensor<T> d_full(out, outputs), d_pooled(half, outputs);
    using pool = on_cuda::store_and_pool<T, on_cuda::pooling::max, steps>;
    launch<on_cuda::conv_image<Channels, TapsY, TapsX, T, pool>>(
        {s, d_image.source(), reinterpret_cast<uint4 const*>(layer.weights.data),
         {{{layer.bias.data}, {}}, d_full.view(), d_pooled.view(), {}, half.height, half.width}});
    doubles const full = d_full.read();
    CHECK(mismatch(full, y, near) == "");
    CHECK(mismatch(d_pooled.read(), ops::max_pool(full, {1, 2, 2}).y, [](int, ops::pixel) { return 0; }) == "");
  }

  doubles const dy = random_16<T>(out, outputs, 4);
  device_tensor<T> d_dy(dy, 1);
  using grad = on_cuda::conv_image_grad_weight<Channels, TapsY, TapsX, T>;
  device_array<float> partial(static_cast<std::size_t>(grad::floats(s, splits)));
  launch<grad>({s, d_image.source(), d_dy.view(), partial.data, splits});
  device_array<float> dw(w.data.size()), db(b.size());
  int const entries = Channels * TapsY * TapsX;
  finish({.image = {partial.data, splits, grad::inputs, grad::padded_outputs(s), entries, outputs, true, dw.data,
                    db.data}});
  auto const should = ops::convolve_grad_weight(dy, seen, at);
  auto const most = ops::convolve_grad_weight(magnitudes(dy), magnitudes(seen), at);
  auto const got = dw.host(), got_bias = db.host();
  double const pixels = static_cast<double>(out.volume());
  int wrong = 0;
  for (std::size_t i = 0; i < got.size(); ++i)
    wrong += !(std::fabs(got[i] - should.data[i]) <= sum_tolerance<T>(pixels + 64, most.data[i]));
  CHECK(wrong == 0);
  auto const bias = ops::bias_grad(dy), most_bias = ops::bias_grad(magnitudes(dy));
  for (std::size_t k = 0; k < bias.size(); ++k)
    CHECK(std::fabs(got_bias[k] - bias[k]) <= sum_tolerance<T>(pixels + 64, most_bias[k]));
}

}  // namespace

TEST_CASE_TEMPLATE("one grey channel", T, __half, __nv_bfloat16) {
  check<1, 3, 3, T>({1, 21, 45}, 64, 0, 0, 3);
  check<1, 3, 3, T>({1, 19, 37}, 72, 1, 1, 2);
}
TEST_CASE_TEMPLATE("three channels of colour", T, __half, __nv_bfloat16) {
  check<3, 3, 3, T>({1, 13, 35}, 24, 1, 1, 1);
}
TEST_CASE("one pixel") { check<1, 3, 3, __half>({1, 3, 3}, 5, 0, 0, 1); }
TEST_CASE("other windows") {
  check<2, 5, 5, __half>({1, 12, 17}, 16, 2, 2, 2);
  check<1, 1, 1, __half>({1, 9, 34}, 16, 0, 0, 1);
}
TEST_CASE("a mirrored border") { check<1, 3, 3, __half>({1, 10, 33}, 16, 1, 1, 2, true); }
TEST_CASE("eight channels") { check<8, 3, 3, __half>({1, 10, 12}, 16, 0, 0, 1); }
