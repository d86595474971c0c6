// Weight and bias gradients against ops/ at odd sizes, for any number of blocks that share a sum.
#include <oxbow/cuda/kernel/conv_3x3_grad_weight.cuh>
#include <oxbow/cuda/kernel/conv_window_grad_weight.cuh>

#include <memory>

#include "device.cuh"

using namespace oxbow;
using namespace oxbow::testing;
using on_cuda::beyond;
using on_cuda::conv_shape;
using on_cuda::grad_tile;
using on_cuda::window_grad_tile;
using on_cuda::window_reads;
using on_cuda::window_shape;

namespace {

/// What a gradient kernel and the pass after it made of the pixels, and the sums of the magnitudes.
struct result {
  std::vector<float> weight, bias;
};

/// Checks the squares that were left, as many as gradients.
void check_length(double measured, result const& made) {
  double length = 0;
  for (float g : made.weight) length += double{g} * double{g};
  for (float g : made.bias) length += double{g} * double{g};
  double const each = 0x1p-53;  // of a sum of positive numbers
  CHECK(std::fabs(measured - length) <= each * static_cast<double>(made.weight.size() + made.bias.size()) * length);
}

/// Adds up the bias of a layer and takes what it has written, weights and bias.
result finished(device_array<float> const& weight, device_array<float> const& bias, float const* bias_sums, int parts,
                device_array<double> const& squares, bool add) {
  double measured = finish({.bias = {bias_sums, parts, static_cast<int>(bias.size), bias.data}}, add);
  for (double part : squares.host()) measured += part;
  result const made{weight.host(), bias.host()};
  check_length(measured, made);
  return made;
}

/// One launch over all jobs, of at most so many blocks. Returns how many of them shared a tile at most.
template <class Kernel, class Job>
int launch_stream(std::vector<Job> const& jobs, std::vector<on_cuda::stream_job> const& stream, int blocks, bool add) {
  auto const shares = on_cuda::tune::share_out(stream, blocks, 1);
  device_array<Job> const d_jobs(jobs);
  device_array<on_cuda::stream_segment> const segments(shares.segments);
  device_array<int> const first_of(shares.first_of);
  device_array<float> const slots(static_cast<std::size_t>(Kernel::slot_floats(shares.blocks())));
  device_array<unsigned> const arrived(
      std::vector<unsigned>(static_cast<std::size_t>(Kernel::counters(shares.blocks()))));
  on_cuda::run_scalars scalars;
  scalars.accumulate = add;
  device_array<on_cuda::run_scalars> const run(std::vector<on_cuda::run_scalars>{scalars});
  launch<Kernel>({d_jobs.data, segments.data, first_of.data, shares.blocks(), slots.data, arrived.data, run.data});
  for (unsigned const counter : arrived.host()) CHECK(counter == 0);
  int most = 0;
  for (auto const& each : shares.segments) most = std::max(most, each.last - each.first + 1);
  return most;
}
/// Where gradients go: 1 where they are added to what is there, else NaN.
std::vector<float> before(std::size_t count, bool add) { return std::vector<float>(count, add ? 1.f : NAN); }

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

/// A layer on the device, and where its gradients go.
template <class T> struct layer_3x3 {
  conv_shape shape;
  doubles x, dy;
  device_tensor<T> first, second, gradient;
  device_array<float> weight, bias, bias_sums;
  device_array<double> squares;

  layer_3x3(conv_shape const& s, bool add)
      : shape{s}, x{in(), s.first + s.second}, dy{random_16<T>(out(), s.outputs, 3)},
        first{random_16<T>(in(), s.first, 1), 2}, second{random_16<T>(in(), s.second, 2), 1}, gradient{dy, 1},
        weight(before(static_cast<std::size_t>(9 * s.outputs * x.channels), add)),
        bias(before(static_cast<std::size_t>(s.outputs), add)),
        bias_sums(static_cast<std::size_t>(s.chunks() * layout_of_octets::padded(s.outputs))),
        squares(static_cast<std::size_t>(on_cuda::tune::grad_tiles(s))) {
    x.data = random_16<T>(in(), s.first, 1).data;
    doubles const other = random_16<T>(in(), s.second, 2);
    x.data.insert(x.data.end(), other.data.begin(), other.data.end());
  }
  extent in() const { return {1, shape.in_height(), shape.in_width()}; }
  extent out() const { return {1, shape.height, shape.width}; }
  on_cuda::grad_job<T> job(int rows) {
    return {shape, first.source(), second.source(), gradient.view(), weight.data, bias_sums.data, squares.data, rows};
  }
  result gradients(bool add) const {
    return finished(weight, bias, bias_sums.data, shape.chunks(), squares, add);
  }
  void compare_with_ops(result const& got, bool add) const {
    ops::taps at{{1, 3, 3}, {}, {}, {0, shape.pad, shape.pad}};
    doubles seen = x;
    if (shape.edge == beyond::mirror) seen = mirrored(x, shape.pad), at.border = {0, 0, 0};
    double const pixels = static_cast<double>(out().volume());
    compare(got.weight, ops::convolve_grad_weight(dy, seen, at).data,
            ops::convolve_grad_weight(magnitudes(dy), magnitudes(seen), at).data, pixels, add);
    compare(got.bias, ops::bias_grad(dy), ops::bias_grad(magnitudes(dy)), pixels, add);
  }
};

struct wish_3x3 {
  conv_shape shape;
  int tile;           ///< which of the kernel's
};
/// All layers in one launch of at most so many blocks, each of which has a patch at least. Says how many blocks shared a
/// tile.
template <class T, grad_tile... Tiles>
int check(std::vector<wish_3x3> const& wishes, int blocks, bool add = false, std::vector<result>* results = nullptr) {
  using kernel = on_cuda::conv_3x3_grad_weight<T, Tiles...>;
  constexpr grad_tile tiles[] = {Tiles...};
  std::vector<std::unique_ptr<layer_3x3<T>>> layers;
  std::vector<on_cuda::grad_job<T>> jobs;
  std::vector<on_cuda::stream_job> stream;
  for (wish_3x3 const& w : wishes) {
    layers.push_back(std::make_unique<layer_3x3<T>>(w.shape, add));
    jobs.push_back(layers.back()->job(tiles[w.tile].rows));
    stream.push_back(on_cuda::stream_of<T>(w.shape, tiles[w.tile], on_cuda::sm80::limits));
  }
  int const most = launch_stream<kernel>(jobs, stream, blocks, add);
  for (auto const& l : layers) {
    result const got = l->gradients(add);
    l->compare_with_ops(got, add);
    if (results != nullptr) results->push_back(got);
  }
  return most;
}

/// The job of a layer, without where its gradients go.
template <class T>
on_cuda::window_grad_job<T> window_job(window_shape const& s, on_cuda::source<T const> first,
                                       on_cuda::source<T const> second, on_cuda::view<T const> g, on_cuda::bias_of b) {
  return {s, first, second, g, nullptr, s.taps(), s.taps() * (s.first + s.second), nullptr, b, nullptr};
}
/// Runs it with so many blocks.
template <class Kernel, class T>
result window_gradients(on_cuda::window_grad_job<T> job, int blocks, std::size_t weights, int bias_parts,
                        int bias_count, bool add) {
  device_array<float> const weight(before(weights, add)), bias(before(static_cast<std::size_t>(bias_count), add));
  device_array<float> const sums(static_cast<std::size_t>(bias_parts * layout_of_octets::padded(bias_count)));
  device_array<double> const squares(static_cast<std::size_t>(Kernel::tiles(job.shape)));
  job.weight = weight.data, job.bias = sums.data, job.squares = squares.data;
  std::vector<on_cuda::window_grad_job<T>> const jobs(1, job);
  std::vector<on_cuda::stream_job> const stream(1, Kernel::stream_of(job.shape, on_cuda::sm80::limits));
  launch_stream<Kernel>(jobs, stream, blocks, add);
  return finished(weight, bias, sums.data, bias_parts, squares, add);
}

template <window_grad_tile Tile, class T>
void check_window(extent size, int first, int second, int outputs, ops::taps const& a, int blocks, bool mirror = false,
                  bool add = false) {
  extent const out = a.output_size(size);
  doubles const one = random_16<T>(size, first, 1), two = random_16<T>(size, second, 2);
  doubles const dy = random_16<T>(out, outputs, 3);
  device_tensor<T> d_one(one, 2), d_two(two, 1), d_dy(dy, 1);
  doubles x{size, first + second};
  x.data = one.data;
  x.data.insert(x.data.end(), two.data.begin(), two.data.end());
  using kernel = on_cuda::conv_window_grad_weight<Tile, window_reads::anything, T>;
  window_shape const s{.height = out.height, .width = out.width, .first = first, .second = second, .outputs = outputs,
                       .taps_y = a.window.height, .taps_x = a.window.width, .stride_y = a.stride.height,
                       .stride_x = a.stride.width, .dilation_y = a.dilation.height, .dilation_x = a.dilation.width,
                       .pad_y = a.border.height, .pad_x = a.border.width, .mirror = mirror};
  ops::taps seen = a;
  if (mirror) x = mirrored(x, a.border.height), seen.border = {0, 0, 0};
  auto const w = ops::convolve_grad_weight(dy, x, seen);
  auto const got = window_gradients<kernel>(
      window_job<T>(s, d_one.source(), d_two.source(), d_dy.view(), on_cuda::bias_of::gradient), blocks,
      w.data.size(), 1, outputs, add);
  double const pixels = static_cast<double>(out.volume());
  compare(got.weight, w.data, ops::convolve_grad_weight(magnitudes(dy), magnitudes(x), seen).data, pixels, add);
  compare(got.bias, ops::bias_grad(dy), ops::bias_grad(magnitudes(dy)), pixels, add);
}

/// Says whether the layer is dense; then both kernels have made the same bits.
template <window_grad_tile Tile, class T> bool check_up(extent size, int in, int out, int blocks, bool add = false) {
  extent const large{1, 2 * size.height, 2 * size.width};
  doubles const x = random_16<T>(size, in, 1), dy = random_16<T>(large, out, 2);
  device_tensor<T> d_x(x, 1), d_dy(dy, 1);
  window_shape const s{.height = size.height, .width = size.width, .first = out, .second = 0, .outputs = in,
                       .taps_y = 2, .taps_x = 2, .stride_y = 2, .stride_x = 2};
  auto const w = ops::up_convolve_grad_weight(dy, x, {1, 2, 2});
  // (in, out, window): the kernel's inputs are the channels of dy
  auto const gradients = [&]<class Kernel>(Kernel) {
    return window_gradients<Kernel>(
        window_job<T>(s, d_dy.source(), d_dy.source(), d_x.view(), on_cuda::bias_of::input), blocks, w.data.size(), 4,
        out, add);
  };
  auto const got = gradients(on_cuda::conv_window_grad_weight<Tile, window_reads::anything, T>{});
  using dense = on_cuda::conv_window_grad_weight<Tile, window_reads::dense, T>;
  if (dense::is_dense(s)) {
    result const same = gradients(dense{});
    CHECK(same.weight == got.weight);
    CHECK(same.bias == got.bias);
  }
  double const pixels = static_cast<double>(large.volume());
  compare(got.weight, w.data, ops::up_convolve_grad_weight(magnitudes(dy), magnitudes(x), {1, 2, 2}).data, pixels, add);
  compare(got.bias, ops::bias_grad(dy), ops::bias_grad(magnitudes(dy)), pixels, add);
  return dense::is_dense(s);
}

constexpr grad_tile low{4, 3}, middle{8, 4}, high{14, 2};
constexpr window_grad_tile large = on_cuda::tune::large_window_grad, small = on_cuda::tune::small_window_grad;

}  // namespace

TEST_CASE_TEMPLATE("3x3, whole tiles of channels", T, __half, __nv_bfloat16) {
  CHECK(check<T, middle>({{{19, 21, 64, 0, 64}, 0}}, 3) == 2);
  CHECK(check<T, low>({{{9, 13, 96, 0, 128}, 0}}, 1) == 1);
}
TEST_CASE("3x3, two sources, the first one a crop") {
  check<__half, high>({{{11, 10, 64, 64, 64}, 0}}, 2);
  check<__nv_bfloat16, low>({{{11, 10, 12, 37, 40}, 0}}, 2);
}
TEST_CASE("3x3, zeros around the input") {
  check<__half, low>({{{13, 9, 32, 0, 24, 1, beyond::zeros}, 0}}, 4);
  check<__half, middle>({{{10, 11, 8, 0, 5, 2, beyond::zeros}, 0}}, 1);
}
TEST_CASE("the input mirrored around itself") {
  check<__half, low>({{{11, 17, 32, 24, 40, 1, beyond::mirror}, 0}}, 2);
  check_window<small, __half>({1, 8, 9}, 16, 0, 16, {{1, 5, 5}, {}, {}, {0, 2, 2}}, 2, true);
}
TEST_CASE("3x3, numbers of 32 bits") {
  check<float, low>({{{13, 9, 20, 0, 24}, 0}, {{9, 17, 12, 37, 40}, 0}}, 5);
  check<float, middle>({{{10, 11, 8, 0, 5, 2, beyond::zeros}, 0}}, 2, true);
}
TEST_CASE_TEMPLATE("3x3, several layers in one launch, each with its tile", T, __half, __nv_bfloat16) {
  std::vector<wish_3x3> const layers{{{19, 21, 64, 0, 64}, 1}, {{11, 10, 12, 37, 40}, 0},
                                     {{28, 9, 32, 0, 72}, 2},  {{3, 5, 8, 0, 200, 1, beyond::zeros}, 0}};
  for (int blocks : {1, 2, 5, 13}) check<T, low, middle, high>(layers, blocks);
  check<T, low, middle, high>(layers, 7, true);
}
TEST_CASE("3x3, so many blocks to a tile that they add up in groups") {
  CHECK(check<__half, low>({{{33, 30, 8, 0, 8}, 0}}, 7) == 7);
  CHECK(check<__half, low>({{{33, 30, 8, 0, 8}, 0}}, 36) == 32);  // two levels, the last group is of two
  CHECK(check<__half, low>({{{90, 17, 40, 0, 8}, 0}}, 138, true) == 69);  // three levels
}
TEST_CASE("3x3, one pixel") { check<__half, low>({{{1, 1, 3, 0, 3}, 0}}, 1); }
TEST_CASE("gradients are added to what is there") { check<__half, low>({{{13, 9, 32, 0, 24}, 0}}, 2, true); }

TEST_CASE_TEMPLATE("any window", T, __half, __nv_bfloat16) {
  check_window<large, T>({1, 11, 13}, 72, 0, 136, {{1, 1, 1}, {}, {}, {0, 0, 0}}, 2);
  check_window<large, T>({1, 11, 13}, 40, 24, 72, {{1, 3, 3}, {}, {1, 2, 2}, {0, 2, 2}}, 5, false, true);
  check_window<small, T>({1, 13, 14}, 40, 0, 8, {{1, 3, 3}, {1, 2, 2}, {}, {0, 1, 1}}, 1);
  check_window<small, T>({1, 13, 16}, 16, 20, 24, {{1, 3, 3}, {}, {1, 2, 2}, {0, 2, 2}}, 3);
  check_window<small, T>({1, 9, 10}, 12, 0, 7, {{1, 2, 4}, {}, {}, {0, 0, 0}}, 1);
}
TEST_CASE_TEMPLATE("up-convolutions", T, __half, __nv_bfloat16) {
  CHECK(check_up<large, T>({1, 9, 11}, 128, 64, 1));
  CHECK(check_up<large, T>({1, 13, 3}, 256, 32, 2, true));  // rows narrower than the way to a thread's next pixel
  CHECK(check_up<small, T>({1, 15, 13}, 64, 32, 2));
  CHECK(check_up<small, T>({1, 1, 1}, 64, 32, 1));
  check_up<large, T>({1, 9, 11}, 130, 20, 3, true);
  check_up<large, T>({1, 23, 21}, 72, 33, 31);
  check_up<small, T>({1, 7, 9}, 24, 12, 1);
  check_up<small, T>({1, 15, 13}, 65, 33, 3);
}

TEST_CASE("the same bits, whatever the order of the blocks") {
  std::vector<wish_3x3> const layers{{{19, 21, 32, 0, 64}, 0}, {{28, 9, 32, 0, 72}, 1}};
  std::vector<result> first;
  check<__half, low, high>(layers, 17, false, &first);
  for (int again = 0; again < 3; ++again) {
    std::vector<result> now;
    check<__half, low, high>(layers, 17, false, &now);
    for (std::size_t l = 0; l < layers.size(); ++l) {
      CHECK(std::memcmp(now[l].weight.data(), first[l].weight.data(), first[l].weight.size() * 4) == 0);
      CHECK(std::memcmp(now[l].bias.data(), first[l].bias.data(), first[l].bias.size() * 4) == 0);
    }
  }
}
