// The masks of dropout are the host's to the bit; the loss keeps its digits where a network is sure.
#include <oxbow/cuda/kernel/elementwise.cuh>
#include <oxbow/cuda/kernel/finish_gradients.cuh>
#include <oxbow/cuda/kernel/loss.cuh>
#include <oxbow/ops/loss.hpp>

#include "device_array.cuh"
using namespace oxbow;
using namespace oxbow::testing;

namespace {

/// One block runs an op on a patch in global memory.
struct drop_all {
  static constexpr int threads = 128;
  struct storage {};
  struct args {
    float* data;
    box where;
    int channels;
    on_cuda::dropper drop;
  };
  __device__ static void run(args const& a, storage&) {
    auto const y = on_cuda::patch::over(a.data, a.where, 0, a.channels);
    on_cuda::map(y, y, a.drop);
  }
};
struct lose_all {
  static constexpr int threads = 128, classes = 5;
  struct storage {};
  struct args {
    float *logits, *loss;
    box where;
    on_cuda::stored labels, weights;
    std::byte const* arena;
    float per_pixel, scale;
  };
  __device__ static void run(args const& a, storage&) {
    on_cuda::pixel_losses<&loss_of<cross_entropy>::self, classes>(
        on_cuda::patch::over(a.logits, a.where, 0, classes), a.labels, a.weights, a.arena, a.per_pixel, a.scale,
        on_cuda::patch::over(a.loss, a.where, 0, 1), nullptr);
  }
};

}  // namespace

TEST_CASE("masks are the host's, bit by bit") {
  extent const size{2, 9, 11};
  for (int const channels : {1, 5, 16, 18}) {
    box const where{{1, 2, 3}, {1, 6, 7}};
    random_stream const stream = ops::drop_stream({7, 3, 2}, 4);
    device_array<float> const y{std::vector<float>(static_cast<std::size_t>(where.size.volume() * channels), 1.f)};
    on_cuda::launch<drop_all>({y.data(), where, channels, {stream, size, channels, .3f}}, 1, nullptr, "a test");
    auto const got = y.host();
    std::size_t n = 0;
    int differ = 0, dropped = 0;
    for (int v = 0; v < where.size.height; ++v)
      for (int u = 0; u < where.size.width; ++u)
        for (int c = 0; c < channels; ++c, ++n) {
          auto const element = static_cast<std::uint64_t>(size.index(1, 2 + v, 3 + u) * channels + c);
          differ += got[n] != ops::drop_factor(stream, element, .3f);
          dropped += got[n] == 0;
        }
    CHECK(differ == 0);
    CHECK(dropped > 0);
  }
}

TEST_CASE("loss and gradient of logits of any size, with ignored pixels") {
  extent const size{1, 7, 13};
  int const classes = 5;
  auto const pixels = static_cast<std::size_t>(size.volume());
  std::vector<float> logits = numbers(pixels * classes, 1, -60, 60);
  for (std::size_t i = 0; i < pixels * classes / 2; ++i) logits[i] /= 30;
  std::vector<std::uint8_t> labels(pixels);
  for (std::size_t i = 0; i < pixels; ++i) labels[i] = static_cast<std::uint8_t>(i % 6 == 5 ? ignored : i % 6);
  std::vector<float> const weights = numbers(pixels, 2, .25f, 2);
  std::vector<std::uint8_t> arena(labels);
  arena.resize((pixels + 3) / 4 * 4);
  on_cuda::stored l, w;
  l.size = w.size = l.high = w.high = size, l.channels = w.channels = l.count = w.count = 1;
  w.offset = static_cast<std::int64_t>(arena.size());
  auto const* const raw = reinterpret_cast<std::uint8_t const*>(weights.data());
  arena.insert(arena.end(), raw, raw + pixels * sizeof(float));
  device_array<std::uint8_t> const memory{arena};
  device_array<float> const d{logits}, loss{pixels};
  std::int64_t n = 0;
  for (auto const label : labels) n += label != ignored;
  on_cuda::launch<lose_all>({d.data(),
                             loss.data(),
                             {{0, 0, 0}, size},
                             l,
                             w,
                             reinterpret_cast<std::byte const*>(memory.data()),
                             1.f / static_cast<float>(n),
                             4.f},
                            1, nullptr, "a test");
  auto const channel_of = [&](int c, ops::pixel p) {
    return double{logits[static_cast<std::size_t>(ops::index(size, p) * classes + c)]};
  };
  auto const wanted = ops::softmax_cross_entropy(
      ops::make_tensor<double>(size, classes, channel_of), labels,
      ops::make_tensor<double>(
          size, 1, [&](int, ops::pixel p) { return double{weights[static_cast<std::size_t>(ops::index(size, p))]}; }));
  auto const got = d.host(), got_loss = loss.host();
  ops::for_each_pixel(size, [&](ops::pixel p) {
    auto const i = static_cast<std::size_t>(ops::index(size, p));
    // A difference of two logits below 120 is off by 2^−18 at most before exp, which makes that of its result; a
    // handful of roundings of 2^−24 besides. A loss is rounded in its last step. The oracle's gradient is a difference
    // of numbers up to weight / n in double, times 4.
    double const unit = 0x1p-17, share = double{weights[i]} / static_cast<double>(n);
    CHECK(std::abs(got_loss[i] - wanted.loss(0, p)) <= unit * (share + wanted.loss(0, p)) * (labels[i] != ignored));
    for (int k = 0; k < classes; ++k) {
      double const g = 4 * wanted.gradient(k, p);
      CHECK(std::abs(got[i * classes + static_cast<std::size_t>(k)] - g) <= unit * std::abs(g) + 4 * share * 0x1p-51);
    }
  });
}

TEST_CASE("the sum of the losses is their sum in double, whatever block is the last") {
  for (int const count : {1, 4096, 12'345, 1'100'000}) {  // one block, a full one, a few, more than a block has threads
    std::vector<float> const x = numbers(static_cast<std::size_t>(count), 6, 0, 1);
    device_array<float> const d{x};
    on_cuda::loss_sums loss{d.data(), count};
    auto const blocks = static_cast<std::size_t>(loss.blocks());
    device_array<double> const sum{1}, parts{blocks}, squares{blocks};
    device_array<unsigned> const arrived{std::vector<unsigned>(1)};
    loss.parts = parts.data(), loss.arrived = arrived.data(), loss.out = sum.data();
    device_array<on_cuda::finish_job> const job{std::vector<on_cuda::finish_job>{{.loss = loss}}};
    device_array<on_cuda::run_scalars> const run{std::vector<on_cuda::run_scalars>(1)};
    on_cuda::launch<on_cuda::finish_gradients>({job.data(), 1, run.data(), squares.data()}, loss.blocks(), nullptr,
                                               "a test");
    for (double const part : squares.host()) CHECK(part == 0);  // no gradient was written
    CHECK(arrived.host()[0] == 0);
    double wanted = 0;
    for (float const e : x) wanted += double{e};
    CHECK(sum.host()[0] == doctest::Approx(wanted).epsilon(1e-12));
  }
}
