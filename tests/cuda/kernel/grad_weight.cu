// Weight and bias gradients against ops/ at odd sizes, for any number of blocks that share a sum.
#include <oxbow/cuda/kernel/conv_3x3_grad_weight.cuh>
#include <oxbow/cuda/kernel/conv_window_grad_weight.cuh>

#include "device.cuh"

using namespace oxbow;
using namespace oxbow::testing;
using on_cuda::beyond;
using on_cuda::conv_shape;
using on_cuda::grad_tile;
using on_cuda::window_grad_tile;
using on_cuda::window_shape;

namespace {

/// What a gradient kernel and the pass after it made of the pixels, and the sums of the magnitudes.
struct result {
  std::vector<float> weight, bias;
};

template <class Kernel, class Args>
result collect(Args a, on_cuda::grad_sums (*sums_of)(decltype(a.shape) const&, float*, float*), int bias_parts,
               int first_padded, int outputs, int bias_count, std::int64_t in_stride, std::int64_t out_stride,
               std::size_t weights, bool add, std::int64_t slot_floats = -1) {
  on_cuda::grad_sums const size = sums_of(a.shape, nullptr, nullptr);
  device_array<float> partial(static_cast<std::size_t>(size.split_floats() * a.splits));
  device_array<float> partial_bias(static_cast<std::size_t>(bias_parts * layout_of_octets::padded(bias_count)));
  a.sums = sums_of(a.shape, partial.data, bias_parts ? partial_bias.data : nullptr);
  // where gradients are added, there is 1 before
  device_array<float> weight(weights), bias(static_cast<std::size_t>(bias_count));
  if (add) {
    std::vector<float> const one(weights, 1.f);
    must(cudaMemcpy(weight.data, one.data(), weights * 4, cudaMemcpyHostToDevice), "cudaMemcpy");
    must(cudaMemcpy(bias.data, one.data(), static_cast<std::size_t>(bias_count) * 4, cudaMemcpyHostToDevice),
         "cudaMemcpy");
  }
  bool const itself = slot_floats >= 0;  // the kernel writes the gradient itself
  device_array<float> slots(static_cast<std::size_t>(std::max<std::int64_t>(slot_floats, 0)));
  device_array<unsigned> arrived(std::vector<unsigned>(static_cast<std::size_t>(Kernel::blocks(a))));
  device_array<double> const squares(static_cast<std::size_t>(itself ? Kernel::blocks(a) / a.splits : 0));
  on_cuda::run_scalars scalars;
  scalars.accumulate = add;
  device_array<on_cuda::run_scalars> const run(std::vector<on_cuda::run_scalars>{scalars});
  if constexpr (requires { a.to; })
    if (itself) a.to = {weight.data, slots.data, arrived.data, run.data, squares.data};
  launch<Kernel>(a);
  for (unsigned const counter : arrived.host()) CHECK(counter == 0);
  double measured = finish({.layer = {a.sums, itself ? nullptr : weight.data, bias_parts ? bias.data : nullptr,
                                      a.splits, bias_parts, first_padded, a.shape.first, a.shape.second, outputs,
                                      bias_count, in_stride, out_stride}},
                           add);
  for (double part : squares.host()) measured += part;
  result const made{weight.host(), bias.host()};
  double length = 0;
  for (float g : made.weight) length += double{g} * double{g};
  for (float g : bias_parts ? made.bias : std::vector<float>{}) length += double{g} * double{g};
  double const each = 0x1p-53;  // of a sum of positive numbers
  CHECK(std::fabs(measured - length) <= each * static_cast<double>(weights + made.bias.size()) * length);
  return made;
}

void compare(std::vector<float> const& is, std::vector<double> const& should, std::vector<double> const& magnitudes,
             double terms, double before) {
  REQUIRE(is.size() == should.size());
  int wrong = 0;
  for (std::size_t i = 0; i < is.size(); ++i) {
    // the sums of the blocks add a rounding each, which `terms` additions cover; one more for what was there before
    double const allowed = (terms + 64) * 0x1p-23 * (magnitudes[i] + before) + 1e-30;
    if (!(std::fabs(is[i] - before - should[i]) <= allowed) && wrong++ == 0)
      MESSAGE("element ", i, " is ", is[i] - before, ", not ", should[i], "; allowed ", allowed);
  }
  CHECK(wrong == 0);
}

/// x with its mirror image around it.
doubles mirrored(doubles const& x, int by) {
  auto const reflect = [](int v, int n) { return v < 0 ? -v : v >= n ? 2 * n - 2 - v : v; };
  return ops::make_tensor<double>({1, x.size.height + 2 * by, x.size.width + 2 * by}, x.channels,
                                  [&](int c, ops::pixel p) {
    return x(c, {0, reflect(p.y - by, x.size.height), reflect(p.x - by, x.size.width)});
  });
}

/// itself: the blocks add up and write the gradient of the weights
template <grad_tile Tile, class T>
void check(conv_shape const& s, int splits, bool add = false, bool itself = false) {
  extent const in{1, s.in_height(), s.in_width()}, out{1, s.height, s.width};
  doubles const first = random_16<T>(in, s.first, 1), second = random_16<T>(in, s.second, 2);
  doubles const dy = random_16<T>(out, s.outputs, 3);
  device_tensor<T> d_first(first, 2), d_second(second, 1), d_dy(dy, 1);
  doubles x{in, s.first + s.second};
  x.data = first.data;
  x.data.insert(x.data.end(), second.data.begin(), second.data.end());
  ops::taps at{{1, 3, 3}, {}, {}, {0, s.pad, s.pad}};
  if (s.edge == beyond::mirror) x = mirrored(x, s.pad), at.border = {0, 0, 0};
  using kernel = on_cuda::conv_3x3_grad_weight<Tile, T>;
  auto const w = ops::convolve_grad_weight(dy, x, at);
  typename kernel::args const a{s, d_first.source(), d_second.source(), d_dy.view(), {}, splits, {}};
  auto const got = collect<kernel>(a, kernel::sums_of, splits * s.chunks(), s.first_chunks() * 32, s.outputs, s.outputs,
                                   9, 9l * x.channels, w.data.size(), add, itself ? kernel::slot_floats(s, splits) : -1);
  double const pixels = static_cast<double>(out.volume());
  compare(got.weight, w.data, ops::convolve_grad_weight(magnitudes(dy), magnitudes(x), at).data, pixels, add);
  compare(got.bias, ops::bias_grad(dy), ops::bias_grad(magnitudes(dy)), pixels, add);
}

template <window_grad_tile Tile, class T>
void check_window(extent size, int first, int second, int outputs, ops::taps const& a, int splits,
                  bool mirror = false) {
  extent const out = a.output_size(size);
  doubles const one = random_16<T>(size, first, 1), two = random_16<T>(size, second, 2);
  doubles const dy = random_16<T>(out, outputs, 3);
  device_tensor<T> d_one(one, 2), d_two(two, 1), d_dy(dy, 1);
  doubles x{size, first + second};
  x.data = one.data;
  x.data.insert(x.data.end(), two.data.begin(), two.data.end());
  using kernel = on_cuda::conv_window_grad_weight<Tile, T>;
  window_shape const s{.height = out.height, .width = out.width, .first = first, .second = second, .outputs = outputs,
                       .taps_y = a.window.height, .taps_x = a.window.width, .stride_y = a.stride.height,
                       .stride_x = a.stride.width, .dilation_y = a.dilation.height, .dilation_x = a.dilation.width,
                       .pad_y = a.border.height, .pad_x = a.border.width, .mirror = mirror};
  ops::taps seen = a;
  if (mirror) x = mirrored(x, a.border.height), seen.border = {0, 0, 0};
  auto const w = ops::convolve_grad_weight(dy, x, seen);
  auto const got = collect<kernel>(
      typename kernel::args{s, d_one.source(), d_two.source(), d_dy.view(), {}, splits, kernel::bias_of::gradient},
      kernel::sums_of, splits, on_cuda::tune::ceil_div(first, kernel::channels) * kernel::channels, outputs, outputs,
      a.window.volume(), a.window.volume() * x.channels, w.data.size(), false);
  double const pixels = static_cast<double>(out.volume());
  compare(got.weight, w.data, ops::convolve_grad_weight(magnitudes(dy), magnitudes(x), seen).data, pixels, 0);
  compare(got.bias, ops::bias_grad(dy), ops::bias_grad(magnitudes(dy)), pixels, 0);
}

template <window_grad_tile Tile, class T> void check_up(extent size, int in, int out, int splits) {
  extent const large{1, 2 * size.height, 2 * size.width};
  doubles const x = random_16<T>(size, in, 1), dy = random_16<T>(large, out, 2);
  device_tensor<T> d_x(x, 1), d_dy(dy, 1);
  using kernel = on_cuda::conv_window_grad_weight<Tile, T>;
  window_shape const s{.height = size.height, .width = size.width, .first = out, .second = 0, .outputs = in,
                       .taps_y = 2, .taps_x = 2, .stride_y = 2, .stride_x = 2};
  auto const w = ops::up_convolve_grad_weight(dy, x, {1, 2, 2});
  // (in, out, window): the kernel's inputs are the channels of dy
  auto const got = collect<kernel>(
      typename kernel::args{s, d_dy.source(), d_dy.source(), d_x.view(), {}, splits, kernel::bias_of::input},
      kernel::sums_of, splits * 4, on_cuda::tune::ceil_div(out, kernel::channels) * kernel::channels, in, out, 4,
      4l * out, w.data.size(), false);
  double const pixels = static_cast<double>(large.volume());
  compare(got.weight, w.data, ops::up_convolve_grad_weight(magnitudes(dy), magnitudes(x), {1, 2, 2}).data, pixels, 0);
  compare(got.bias, ops::bias_grad(dy), ops::bias_grad(magnitudes(dy)), pixels, 0);
}

constexpr grad_tile low{4, 3}, middle{8, 4}, high{14, 2};
constexpr window_grad_tile large = on_cuda::tune::large_window_grad, small = on_cuda::tune::small_window_grad;

}  // namespace

TEST_CASE_TEMPLATE("3x3, whole tiles of channels", T, __half, __nv_bfloat16) {
  check<middle, T>({19, 21, 64, 0, 64}, 3);
  check<low, T>({9, 13, 96, 0, 128}, 1);
}
TEST_CASE("3x3, two sources, the first one a crop") {
  check<high, __half>({11, 10, 64, 64, 64}, 2);
  check<low, __nv_bfloat16>({11, 10, 12, 37, 40}, 2);
}
TEST_CASE("3x3, zeros around the input") {
  check<low, __half>({13, 9, 32, 0, 24, 1, beyond::zeros}, 4);
  check<middle, __half>({10, 11, 8, 0, 5, 2, beyond::zeros}, 1);
}
TEST_CASE("the input mirrored around itself") {
  check<low, __half>({11, 17, 32, 24, 40, 1, beyond::mirror}, 2);
  check_window<small, __half>({1, 8, 9}, 16, 0, 16, {{1, 5, 5}, {}, {}, {0, 2, 2}}, 2, true);
}
TEST_CASE_TEMPLATE("3x3, the last of a tile's blocks adds up and writes the gradient", T, __half, __nv_bfloat16) {
  check<middle, T>({19, 21, 64, 0, 64}, 3, false, true);
  check<low, T>({11, 10, 12, 37, 40}, 2, true, true);
  check<high, T>({9, 13, 96, 0, 72}, 1, true, true);
}
TEST_CASE("3x3, one pixel") { check<low, __half>({1, 1, 3, 0, 3}, 1); }
TEST_CASE("gradients are added to what is there") { check<low, __half>({13, 9, 32, 0, 24}, 2, true); }

TEST_CASE_TEMPLATE("any window", T, __half, __nv_bfloat16) {
  check_window<large, T>({1, 11, 13}, 72, 0, 136, {{1, 1, 1}, {}, {}, {0, 0, 0}}, 2);
  check_window<small, T>({1, 13, 14}, 40, 0, 8, {{1, 3, 3}, {1, 2, 2}, {}, {0, 1, 1}}, 1);
  check_window<small, T>({1, 13, 16}, 16, 20, 24, {{1, 3, 3}, {}, {1, 2, 2}, {0, 2, 2}}, 3);
  check_window<small, T>({1, 9, 10}, 12, 0, 7, {{1, 2, 4}, {}, {}, {0, 0, 0}}, 1);
}
TEST_CASE_TEMPLATE("up-convolutions", T, __half, __nv_bfloat16) {
  check_up<large, T>({1, 9, 11}, 128, 64, 1);
  check_up<small, T>({1, 7, 9}, 24, 12, 1);
  check_up<small, T>({1, 15, 13}, 65, 33, 3);
}

TEST_CASE("the same bits, whatever the order of the blocks") {
  conv_shape const s{19, 21, 32, 0, 64};
  doubles const x = random_16<__half>({1, 21, 23}, 32, 1), dy = random_16<__half>({1, 19, 21}, 64, 3);
  device_tensor<__half> d_x(x), d_dy(dy);
  using kernel = on_cuda::conv_3x3_grad_weight<low, __half>;
  auto const run = [&](bool itself) {
    return collect<kernel>(typename kernel::args{s, d_x.source(), d_x.source(), d_dy.view(), {}, 5, {}}, kernel::sums_of, 5,
                           32, 64, 64, 9, 9l * 32, 64 * 32 * 9, false, itself ? kernel::slot_floats(s, 5) : -1);
  };
  auto const a = run(false), b = run(false), c = run(true);
  CHECK(std::memcmp(a.weight.data(), c.weight.data(), a.weight.size() * 4) == 0);
  CHECK(std::memcmp(a.weight.data(), b.weight.data(), a.weight.size() * 4) == 0);
  CHECK(std::memcmp(a.bias.data(), b.bias.data(), a.bias.size() * 4) == 0);
}
