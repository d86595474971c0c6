// Runs the tensor-core kernels for the layers of unet_2015 at their full size, with the tiles that cuda/tune picks, so
// that a profiler or a simulator can count what they do; compares a sample of the results with the oracle.
//
// usage: gpu_layers_<chip> forward|data|weights|up|image [FIRST [LAST]]      layers from 0 on; all if none is named
//
// Inputs are small integers, so that every sum is exact in fp32 whatever its order: results must agree to the bit.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <oxbow/core/activations.hpp>
#include <oxbow/core/random.hpp>
#include <oxbow/cuda/kernel/conv_3x3.cuh>
#include <oxbow/cuda/kernel/conv_3x3_grad_weight.cuh>
#include <oxbow/cuda/kernel/conv_image.cuh>
#include <oxbow/cuda/kernel/conv_window.cuh>
#include <oxbow/cuda/kernel/conv_window_grad_weight.cuh>
#include <oxbow/cuda/kernel/finish_gradients.cuh>
#include <oxbow/cuda/kernel/pack_weights.cuh>
#include <oxbow/cuda/run/launch.cuh>
#include <oxbow/cuda/run/memory.cuh>
#include <oxbow/ops/convolution.hpp>

namespace {

using namespace oxbow;
namespace tune = on_cuda::tune;
using on_cuda::beyond;
using on_cuda::conv_shape;
using on_cuda::window_shape;
using T = __half;
using chip = on_cuda::OXBOW_BENCHMARK_CHIP;  // sm80 or sm90

struct layer {
  conv_shape shape;
  bool pools;
  int crop;          ///< rows and columns of the first input (the skip) on each side that the join cuts off
};
constexpr layer layers[] = {
    {{568, 568, 64, 0, 64}, true, 0},     {{282, 282, 64, 0, 128}, false, 0},   {{280, 280, 128, 0, 128}, true, 0},
    {{138, 138, 128, 0, 256}, false, 0},  {{136, 136, 256, 0, 256}, true, 0},   {{66, 66, 256, 0, 512}, false, 0},
    {{64, 64, 512, 0, 512}, true, 0},     {{30, 30, 512, 0, 1024}, false, 0},   {{28, 28, 1024, 0, 1024}, false, 0},
    {{54, 54, 512, 512, 512}, false, 4},  {{52, 52, 512, 0, 512}, false, 0},    {{102, 102, 256, 256, 256}, false, 16},
    {{100, 100, 256, 0, 256}, false, 0},  {{198, 198, 128, 128, 128}, false, 40}, {{196, 196, 128, 0, 128}, false, 0},
    {{390, 390, 64, 64, 64}, false, 88},  {{388, 388, 64, 0, 64}, false, 0}};
constexpr int layer_count = static_cast<int>(std::size(layers));

struct up_layer { int size, inputs, outputs; };
constexpr up_layer ups[] = {{28, 1024, 512}, {52, 512, 256}, {100, 256, 128}, {196, 128, 64}};
constexpr int up_count = static_cast<int>(std::size(ups));

/// Integers in −2 … 2. Sums of at most 2^22 products of two stay below 2^24.
double integer(std::size_t i, std::uint32_t which) {
  random_stream const s{1, purpose::noise, which, 0};
  return std::clamp(std::floor(double{s.uniform(i, -2.f, 3.f)}), -2., 2.);
}

/// Memory on the device, NaN at first.
template <class E> struct device_array {
  std::size_t count;
  on_cuda::device_memory memory;

  explicit device_array(std::size_t n) : count{n}, memory{bytes(), nullptr, "an array of the benchmark"} {
    if (n > 0)
      on_cuda::check(cudaMemset(memory.data(), 0xff, n * sizeof(E)), "cudaMemset", "an array of the benchmark");
  }
  explicit device_array(std::vector<E> const& v) : device_array(v.size()) {
    on_cuda::copy(memory.data(), v.data(), bytes(), nullptr, "an array of the benchmark");
  }
  std::int64_t bytes() const { return static_cast<std::int64_t>(count * sizeof(E)); }
  E* data() const { return reinterpret_cast<E*>(memory.data()); }
  std::vector<E> host() const {
    std::vector<E> v(count);
    on_cuda::copy(v.data(), memory.data(), bytes(), nullptr, "a result");
    on_cuda::wait(nullptr, "a result");
    return v;
  }
};

/// A map on the host and on the device: (y, x, channel).
template <class E> struct map {
  int height, width, channels;
  std::vector<E> values;
  device_array<E> device;

  map(int h, int w, int c, std::uint32_t which)
      : height{h}, width{w}, channels{c}, values(filled(h, w, c, which)), device(values) {}
  static std::vector<E> filled(int h, int w, int c, std::uint32_t which) {
    std::vector<E> v(static_cast<std::size_t>(h) * w * c);
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = E(static_cast<float>(integer(i, which)));
    return v;
  }
  bool holds(int y, int x) const { return y >= 0 && x >= 0 && y < height && x < width; }
  double operator()(int y, int x, int c) const {
    return double{static_cast<float>(values[(static_cast<std::size_t>(y) * width + x) * channels + c])};
  }
  double or_zero(int y, int x, int c) const { return holds(y, x) ? (*this)(y, x, c) : 0.; }
  on_cuda::view<E const> view(int crop = 0) const {
    return {device.data() + (static_cast<std::size_t>(crop) * width + crop) * channels, channels, width * channels};
  }
  on_cuda::source<E const> source(int crop = 0) const {
    return {view(crop), height - 2 * crop, width - 2 * crop};
  }
};

/// A map that a kernel writes.
struct written {
  int height, width, channels;
  device_array<T> device;
  written(int h, int w, int c)
      : height{h}, width{w}, channels{c}, device(static_cast<std::size_t>(h) * w * c) {}
  on_cuda::view<T> view() const { return {device.data(), channels, width * channels}; }
};

template <class Kernel> void launch(typename Kernel::args const& a, std::string const& what) {
  on_cuda::launch<Kernel>(a, Kernel::blocks(a), nullptr, what);
}

ops::filter<double> weights(int rows, int columns, extent window) {
  ops::filter<double> w{rows, columns, window};
  for (std::size_t i = 0; i < w.data.size(); ++i) w.data[i] = integer(i, 3);
  return w;
}
device_array<T> packed(on_cuda::packing const& order, ops::filter<double> const& w) {
  device_array<float> const plain(std::vector<float>(w.data.begin(), w.data.end()));
  device_array<T> to(static_cast<std::size_t>(order.size()));
  on_cuda::check(cudaMemset(to.data(), 0, static_cast<std::size_t>(to.bytes())), "cudaMemset", "packed weights");
  on_cuda::parameter_job job = on_cuda::parameter_job::of(order);
  job.copies = 1;
  device_array<on_cuda::parameter_job> const jobs(std::vector<on_cuda::parameter_job>{job});
  device_array<on_cuda::packed_copy> const copies(std::vector<on_cuda::packed_copy>{{.order = order}});
  on_cuda::launch<on_cuda::pack_weights<T>>(
      {jobs.data(), copies.data(), 1, plain.data(), reinterpret_cast<std::byte*>(to.data())}, job.blocks(), nullptr,
      "packing weights");
  on_cuda::wait(nullptr, "packing weights");
  return to;
}
/// The pass that adds what a layer's blocks have left.
void finish(on_cuda::finish_job const& job, std::string const& what) {
  device_array<on_cuda::finish_job> const jobs(std::vector<on_cuda::finish_job>{job});
  device_array<on_cuda::run_scalars> const run(std::vector<on_cuda::run_scalars>(1));
  device_array<double> const squares(static_cast<std::size_t>(job.blocks()));
  on_cuda::launch<on_cuda::finish_gradients>({jobs.data(), 1, run.data(), squares.data()}, job.blocks(), nullptr, what);
  on_cuda::wait(nullptr, what);
}
uint4 const* lanes(device_array<T> const& w) { return reinterpret_cast<uint4 const*>(w.data()); }
std::vector<double> biases(int n) {
  std::vector<double> b;
  for (int i = 0; i < n; ++i) b.push_back(integer(static_cast<std::size_t>(i), 4));
  return b;
}

/// Counts what differs and says the first.
struct comparison {
  std::string what;
  int compared = 0, wrong = 0;
  void operator()(double is, double should, int c, int y, int x) {
    ++compared;
    if (is == should || wrong++ > 0) return;
    std::printf("%s: channel %d at (%d, %d) is %g, and the oracle has %g\n", what.c_str(), c, y, x, is, should);
  }
  bool report() const {
    std::printf("%-34s %s, %d values compared\n", what.c_str(), wrong ? "WRONG" : "ok", compared);
    std::fflush(stdout);
    return wrong == 0;
  }
};

/// The corners, and some pixels between them.
std::vector<ops::pixel> sample(int height, int width) {
  std::vector<ops::pixel> p = {{0, 0, 0}, {0, height - 1, width - 1}, {0, 0, width - 1}, {0, height - 1, 0}};
  random_stream const s{1, purpose::noise, 5, 0};
  for (std::size_t i = 0; i < 6; ++i)
    p.push_back({0, static_cast<int>(s.uniform(2 * i, 0.f, 1.f) * static_cast<float>(height - 1)),
                 static_cast<int>(s.uniform(2 * i + 1, 0.f, 1.f) * static_cast<float>(width - 1))});
  return p;
}

/// Compares all channels of the sampled pixels. should(p): a tensor of one pixel; stored(p, c, v): what is kept of it
template <class Should, class Stored>
bool compare(std::string const& what, written const& y, Should&& should, Stored&& stored) {
  comparison equal{what};
  auto const is = y.device.host();
  for (ops::pixel p : sample(y.height, y.width)) {
    ops::tensor<double> const e = should(p);
    for (int c = 0; c < y.channels; ++c) {
      double const v = stored(p, c, e(c, {}));
      equal(double{__half2float(is[(static_cast<std::size_t>(p.y) * y.width + p.x) * y.channels + c])},
            double{__half2float(__float2half_rn(static_cast<float>(v)))}, c, p.y, p.x);
    }
  }
  return equal.report();
}

std::string name(char const* direction, conv_shape const& s) {
  return std::string{direction} + " " + std::to_string(s.height) + " x " + std::to_string(s.width) + " " +
         std::to_string(s.first + s.second) + " -> " + std::to_string(s.outputs);
}

template <class Kernel, class Sink>
void run_3x3(on_cuda::source<T const> first, on_cuda::source<T const> second, device_array<T> const& w,
             Sink const& sink, std::string const& what) {
  using sharing = typename Kernel::sharing;
  device_array<float> partial(sharing::workspace_floats);
  device_array<unsigned> arrived(std::vector<unsigned>(static_cast<std::size_t>(sharing::split)));
  launch<Kernel>({first, second, lanes(w), sink, partial.data(), arrived.data()}, what);
  on_cuda::wait(nullptr, what);
}

using forward_steps = on_cuda::chain<on_cuda::add_bias, on_cuda::apply<relu>>;

template <int I> bool forward() {
  constexpr conv_shape s = layers[I].shape;
  constexpr auto tile = tune::pick(s, chip::limits);
  constexpr int crop = layers[I].crop, inputs = s.first + s.second;
  map<T> const first(s.in_height() + 2 * crop, s.in_width() + 2 * crop, s.first, 1);
  map<T> const second(s.in_height(), s.in_width(), s.second, 2);
  auto const w = weights(s.outputs, inputs, {1, 3, 3});
  auto const b = biases(s.outputs);
  device_array<float> const bias(std::vector<float>(b.begin(), b.end()));
  auto const on_device = packed(on_cuda::pack_forward(tile.outputs(), 32, s.first, s.second, s.outputs, 3, 3), w);
  written const y(s.height, s.width, s.outputs), small(s.height / 2, s.width / 2, s.outputs);
  std::string const what = name("forward", s);
  forward_steps const steps{{bias.data()}, {}};
  if constexpr (layers[I].pools) {
    using sink = on_cuda::store_and_pool<T, on_cuda::pooling::max, forward_steps>;
    run_3x3<on_cuda::conv_3x3<s, tile, T, sink>>(first.source(crop), second.source(), on_device,
                                                 sink{steps, y.view(), small.view(), {}, small.height, small.width},
                                                 what);
  } else {
    using sink = on_cuda::store<T, forward_steps>;
    run_3x3<on_cuda::conv_3x3<s, tile, T, sink>>(first.source(crop), second.source(), on_device,
                                                 sink{steps, y.view()}, what);
  }
  auto const at_pixel = [&](ops::pixel p) {
    auto const x = ops::make_tensor<double>({1, 3, 3}, inputs, [&](int c, ops::pixel t) {
      return c < s.first ? first(p.y + t.y + crop, p.x + t.x + crop, c) : second(p.y + t.y, p.x + t.x, c - s.first);
    });
    return ops::convolve(x, w, b, {{1, 3, 3}});
  };
  bool good = compare(what, y, at_pixel, [](ops::pixel, int, double v) { return std::max(v, 0.); });
  if (layers[I].pools) {
    auto const full = y.device.host();
    good &= compare(what + ", pooled", small, [&](ops::pixel p) {
      return ops::make_tensor<double>({}, s.outputs, [&](int c, ops::pixel) {
        double most = 0;
        for (int i = 0; i < 4; ++i)
          most = std::max(most, double{__half2float(full[(static_cast<std::size_t>(2 * p.y + i / 2) * s.width +
                                                          2 * p.x + i % 2) * s.outputs + c])});
        return most;
      });
    }, [](ops::pixel, int, double v) { return v; });
  }
  return good;
}

/// The gradient of the input, through the activation in front of the layer.
template <int I> bool data() {
  constexpr conv_shape s = layers[I].shape;
  constexpr int inputs = s.first + s.second;
  constexpr conv_shape back{s.in_height(), s.in_width(), s.outputs, 0, inputs, 2, beyond::zeros};
  constexpr auto tile = tune::pick(back, chip::limits);
  map<T> const dy(s.height, s.width, s.outputs, 1), none(back.in_height(), back.in_width(), 0, 2);
  map<T> const kept(back.height, back.width, inputs, 6);
  auto const w = weights(s.outputs, inputs, {1, 3, 3});
  auto const on_device = packed(on_cuda::pack_grad(tile.outputs(), 32, s.first, s.second, s.outputs, 3, 3), w);
  written const dx(back.height, back.width, inputs);
  using sink = on_cuda::store<T, on_cuda::chain<on_cuda::apply_grad<relu, T>>>;
  std::string const what = name("data gradient", s);
  run_3x3<on_cuda::conv_3x3<back, tile, T, sink>>(dy.source(), none.source(), on_device,
                                                  sink{{{kept.view()}, {}}, dx.view()}, what);
  return compare(what, dx, [&](ops::pixel p) {
    // the pixels of dy that read p, as a convolution of a single pixel with two rows and columns around it
    auto const g = ops::make_tensor<double>({1, 3, 3}, s.outputs, [&](int k, ops::pixel t) {
      return dy.or_zero(p.y + t.y - 2, p.x + t.x - 2, k);
    });
    return ops::convolve_grad(g, w, {{1, 3, 3}, {}, {}, {0, 2, 2}}, extent{});
  }, [&](ops::pixel p, int c, double v) { return kept(p.y, p.x, c) > 0 ? v : 0.; });
}

template <class E> ops::tensor<double> channel_of(map<E> const& m, int c) {
  return ops::make_tensor<double>({1, m.height, m.width}, 1, [&](int, ops::pixel p) { return m(p.y, p.x, c); });
}

/// One launch for one job.
template <class Kernel, class Job>
void launch_alone(Job const& job, on_cuda::stream_job const& work, std::string const& what) {
  std::vector<on_cuda::stream_job> const stream(1, work);
  auto const shares = tune::share_out(stream, 2 * chip::limits.multiprocessors, tune::grad_tile_cycles);
  int const blocks = shares.blocks();
  device_array<Job> const jobs(std::vector<Job>(1, job));
  device_array<on_cuda::stream_segment> const segments(shares.segments);
  device_array<int> const first_of(shares.first_of);
  device_array<float> const slots(static_cast<std::size_t>(Kernel::slot_floats(blocks)));
  device_array<unsigned> const arrived(std::vector<unsigned>(static_cast<std::size_t>(Kernel::counters(blocks))));
  device_array<on_cuda::run_scalars> const run(std::vector<on_cuda::run_scalars>(1));
  launch<Kernel>({jobs.data(), segments.data(), first_of.data(), blocks, slots.data(), arrived.data(), run.data()},
                 what);
}

/// The gradients of weights and bias, and the pass that adds the bias up.
template <int I> bool weight_gradient() {
  constexpr conv_shape s = layers[I].shape;
  constexpr on_cuda::grad_tile tile = tune::pick_grad(s, chip::limits);
  constexpr int inputs = s.first + s.second;
  map<T> const first(s.in_height(), s.in_width(), s.first, 1), second(s.in_height(), s.in_width(), s.second, 2);
  map<T> const dy(s.height, s.width, s.outputs, 6);
  device_array<float> dw(static_cast<std::size_t>(s.outputs) * inputs * 9), db(static_cast<std::size_t>(s.outputs));
  device_array<float> const bias_sums(static_cast<std::size_t>(s.chunks() * s.outputs));
  device_array<double> const squares(static_cast<std::size_t>(tune::grad_tiles(s)));
  std::string const what = name("weight gradient", s);
  launch_alone<on_cuda::conv_3x3_grad_weight<T, tile>>(
      on_cuda::grad_job<T>{s, first.source(), second.source(), dy.view(), dw.data(), bias_sums.data(), squares.data(),
                           tile.rows},
      on_cuda::stream_of<T>(s, tile, chip::limits), what);
  finish({.bias = {bias_sums.data(), s.chunks(), s.outputs, db.data()}}, what);
  comparison equal{what};
  auto const is = dw.host(), is_bias = db.host();
  random_stream const pick{1, purpose::noise, 7, 0};
  for (std::size_t i = 0; i < 12; ++i) {
    // a few channels between the first and the last of both
    int const k = i == 0 ? 0 : i == 1 ? s.outputs - 1 : static_cast<int>(pick.uniform(2 * i, 0, 1) * (s.outputs - 1));
    int const c = i == 0 ? 0 : i == 1 ? inputs - 1 : static_cast<int>(pick.uniform(2 * i + 1, 0, 1) * (inputs - 1));
    auto const g = channel_of(dy, k), x = c < s.first ? channel_of(first, c) : channel_of(second, c - s.first);
    auto const should = ops::convolve_grad_weight(g, x, {{1, 3, 3}});
    for (int t = 0; t < 9; ++t)
      equal(double{is[(static_cast<std::size_t>(k) * inputs + c) * 9 + t]}, should.data[t], k, t / 3, t % 3);
    equal(double{is_bias[k]}, ops::bias_grad(g)[0], k, -1, -1);
  }
  return equal.report();
}

/// An up-convolution: forward, the gradient of its input, the gradient of its weights.
template <int I> bool up() {
  constexpr int n = ups[I].size, inputs = ups[I].inputs, outputs = ups[I].outputs;
  constexpr window_shape s{.height = n, .width = n, .first = inputs, .second = 0, .outputs = outputs, .phases_y = 2,
                           .phases_x = 2};
  constexpr window_shape back{.height = n, .width = n, .first = outputs, .second = 0, .outputs = inputs, .taps_y = 2,
                              .taps_x = 2, .stride_y = 2, .stride_x = 2};
  constexpr auto tile = tune::pick(s, chip::limits), back_tile = tune::pick(back, chip::limits);
  std::string const size = std::to_string(n) + " x " + std::to_string(n) + " " + std::to_string(inputs) + " -> " +
                           std::to_string(outputs);
  extent const window{1, 2, 2};
  map<T> const x(n, n, inputs, 1), dy(2 * n, 2 * n, outputs, 2);
  auto const w = weights(inputs, outputs, window);
  auto const b = biases(outputs);
  device_array<float> const bias(std::vector<float>(b.begin(), b.end()));

  written const y(2 * n, 2 * n, outputs), dx(n, n, inputs);
  auto const there = packed(on_cuda::pack_up(tile.columns(), tile.chunk, inputs, outputs, 2, 2), w);
  using bias_only = on_cuda::store<T, on_cuda::chain<on_cuda::add_bias>>;
  launch<on_cuda::conv_window<tile, on_cuda::window_reads::dense, T, bias_only>>(
      {s, x.source(), x.source(), lanes(there), {{{bias.data()}, {}}, y.view()}}, "up " + size);
  bool good = compare("up " + size, y, [&](ops::pixel p) {
    auto const from = ops::make_tensor<double>({}, inputs, [&](int c, ops::pixel) { return x(p.y / 2, p.x / 2, c); });
    auto const all = ops::up_convolve(from, w, b);
    return ops::make_tensor<double>({}, outputs, [&](int k, ops::pixel) { return all(k, {0, p.y % 2, p.x % 2}); });
  }, [](ops::pixel, int, double v) { return v; });

  auto const home = packed(on_cuda::pack_up_grad(back_tile.columns(), back_tile.chunk, inputs, outputs, 2, 2), w);
  using masked = on_cuda::store<T, on_cuda::chain<on_cuda::apply_grad<relu, T>>>;
  launch<on_cuda::conv_window<back_tile, on_cuda::window_reads::dense, T, masked>>(
      {back, dy.source(), dy.source(), lanes(home), {{{x.view()}, {}}, dx.view()}}, "up, data gradient " + size);
  good &= compare("up, data gradient " + size, dx, [&](ops::pixel p) {
    auto const g = ops::make_tensor<double>(window, outputs, [&](int k, ops::pixel t) {
      return dy(2 * p.y + t.y, 2 * p.x + t.x, k);
    });
    return ops::up_convolve_grad(g, w, extent{});
  }, [&](ops::pixel p, int c, double v) { return x(p.y, p.x, c) > 0 ? v : 0.; });

  constexpr on_cuda::window_grad_tile grad = tune::pick_grad(back);
  using kernel = on_cuda::conv_window_grad_weight<grad, on_cuda::window_reads::dense, T>;
  device_array<float> const bias_sums(static_cast<std::size_t>(4) * outputs);
  device_array<double> const squares(static_cast<std::size_t>(kernel::tiles(back)));
  device_array<float> dw(w.data.size()), db(b.size());
  launch_alone<kernel>(on_cuda::window_grad_job<T>{back, dy.source(), dy.source(), x.view(), dw.data(), 4,
                                                   4 * outputs, bias_sums.data(), on_cuda::bias_of::input,
                                                   squares.data()},
                       kernel::stream_of(back, chip::limits), "up " + size);
  finish({.bias = {bias_sums.data(), 4, outputs, db.data()}}, "up " + size);
  comparison equal{"up, weight gradient " + size};
  auto const is = dw.host(), is_bias = db.host();
  for (int i = 0; i < 12; ++i) {
    int const c = i * (inputs - 1) / 11, k = (11 - i) * (outputs - 1) / 11;
    auto const g = channel_of(dy, k);
    auto const should = ops::up_convolve_grad_weight(g, channel_of(x, c), window);
    for (int t = 0; t < 4; ++t)
      equal(double{is[(static_cast<std::size_t>(c) * outputs + k) * 4 + t]}, should.data[t], k, t / 2, t % 2);
    equal(double{is_bias[k]}, ops::bias_grad(g)[0], k, -1, -1);
  }
  return equal.report() && good;
}

/// The first layer: forward and the gradient of its weights.
bool image() {
  constexpr int n = 570, outputs = 64;
  on_cuda::image_shape const s{n, n, outputs};
  map<float> const x(n + 2, n + 2, 1, 1);
  map<T> const dy(n, n, outputs, 2);
  auto const w = weights(outputs, 1, {1, 3, 3});
  auto const b = biases(outputs);
  device_array<float> const bias(std::vector<float>(b.begin(), b.end()));
  auto const on_device = packed(on_cuda::pack_image(64, 1, 9, outputs), w);
  written const y(n, n, outputs);
  using sink = on_cuda::store<T, forward_steps>;
  launch<on_cuda::conv_image<1, 3, 3, T, sink>>(
      {s, x.source(), lanes(on_device), {{{bias.data()}, {}}, y.view()}}, "the first layer");
  bool const good = compare("first layer", y, [&](ops::pixel p) {
    auto const from = ops::make_tensor<double>({1, 3, 3}, 1, [&](int, ops::pixel t) {
      return x(p.y + t.y, p.x + t.x, 0);
    });
    return ops::convolve(from, w, b, {{1, 3, 3}});
  }, [](ops::pixel, int, double v) { return std::max(v, 0.); });

  using grad = on_cuda::conv_image_grad_weight<1, 3, 3, T>;
  int const splits = 4 * chip::limits.multiprocessors;  // four blocks of 128 threads at a time
  device_array<float> partial(static_cast<std::size_t>(grad::floats(s, splits)));
  device_array<float> dw(w.data.size()), db(b.size());
  launch<grad>({s, x.source(), dy.view(), partial.data(), splits}, "the first layer's weight gradient");
  finish({.image = {partial.data(), splits, grad::inputs, grad::padded_outputs(s), 9, outputs, true, dw.data(),
                    db.data()}},
         "the first layer's weight gradient");
  comparison equal{"first layer, weight gradient"};
  auto const is = dw.host(), is_bias = db.host();
  for (int k = 0; k < outputs; k += 9) {
    auto const g = channel_of(dy, k);
    auto const should = ops::convolve_grad_weight(g, channel_of(x, 0), {{1, 3, 3}});
    for (int t = 0; t < 9; ++t)
      equal(double{is[static_cast<std::size_t>(k) * 9 + t]}, should.data[t], k, t / 3, t % 3);
    equal(double{is_bias[k]}, ops::bias_grad(g)[0], k, -1, -1);
  }
  return equal.report() && good;
}

struct range { int first, last; };
using test = bool (*)();
template <int... I> constexpr std::array<test, sizeof...(I)> forwards(std::integer_sequence<int, I...>) {
  return {forward<I>...};
}
template <int... I> constexpr std::array<test, sizeof...(I)> datas(std::integer_sequence<int, I...>) {
  return {data<I>...};
}
template <int... I> constexpr std::array<test, sizeof...(I)> weight_gradients(std::integer_sequence<int, I...>) {
  return {weight_gradient<I>...};
}
template <int... I> constexpr std::array<test, sizeof...(I)> ups_of(std::integer_sequence<int, I...>) {
  return {up<I>...};
}

std::vector<test> tests_of(std::string_view direction) {
  auto const listed = [](auto const& a) { return std::vector<test>(a.begin(), a.end()); };
  constexpr std::make_integer_sequence<int, layer_count> all{};
  if (direction == "forward") return listed(forwards(all));
  if (direction == "data") return listed(datas(all));
  if (direction == "weights") return listed(weight_gradients(all));
  if (direction == "up") return listed(ups_of(std::make_integer_sequence<int, up_count>{}));
  if (direction == "image") return {image};
  return {};
}

}  // namespace

int main(int count, char** words) {
  std::vector<test> const tests = tests_of(count > 1 ? words[1] : "");
  int const all = static_cast<int>(tests.size());
  try {
    range const r{count > 2 ? std::stoi(words[2]) : 0,
                  count > 3 ? std::stoi(words[3]) : count > 2 ? std::stoi(words[2]) : all - 1};
    if (count > 4 || r.first < 0 || r.last >= all || r.first > r.last) {
      std::fprintf(stderr, "usage: %s forward|data|weights|up|image [FIRST [LAST]]\n"
                           "layers are 0 to %d for 3x3 convolutions, 0 to %d for up-convolutions, 0 for the image\n",
                   words[0], layer_count - 1, up_count - 1);
      return 2;
    }
    bool good = true;
    for (int i = r.first; i <= r.last; ++i) good &= tests[static_cast<std::size_t>(i)]();
    return good ? 0 : 1;
  } catch (std::exception const& e) {
    std::fprintf(stderr, "%s: %s\n", words[0], e.what());
    return 1;
  }
}
