// Prediction on the device: tiles equal the whole, a replayed graph equals its steps, 16 bits are near 32; what does
// not fit says so, and a device that is too small says what was asked for and what is free.
#include <oxbow/net/named.hpp>
#include <oxbow/predict/predict.hpp>

#include <string>
#include <vector>

#include "agreement.cuh"
#include "replay.cuh"
using namespace oxbow;
using namespace oxbow::testing;

namespace {

using net_type =
    seq<level<seq<conv<6>, relu>, seq<max_pool<2>, conv<18>, batch_norm, relu, up_conv<6>>, seq<conv<6>, relu>>,
        conv<3, 1>>;
using small = model<net_type, tile<20, 24>>;
using large = model<net_type, tile<44, 48>>;

image<float> noise(extent size) {
  image<float> x(size);
  random_stream const r{11, purpose::example_data};
  for (std::size_t i = 0; i < x.data.size(); ++i) x.data[i] = r.uniform(i, -1, 1);
  return x;
}

}  // namespace

TEST_CASE("a tiled prediction has the bits of the whole image's") {
  network<small, oxbow::cuda> tiled{oxbow::cuda{}, seed{3}};
  network<large, oxbow::cuda> whole{oxbow::cuda{}, blank{}};
  CHECK(std::ranges::all_of(std::as_const(whole).parameters(), [](float p) { return p == 0; }));
  stir(tiled);
  std::copy(tiled.parameters().begin(), tiled.parameters().end(), whole.parameters().begin());
  whole.parameters_changed();
  extent const size{1, large::output.height - 3, large::output.width - 1};
  image<float> const x = noise(size);
  image<float> const a = predict(tiled, x), b = predict(whole, x);
  CHECK(a.data == b.data);
  image<float> const other = predict(tiled, noise({1, 5, 3}));
  CHECK_FALSE(std::equal(other.data.begin(), other.data.end(), a.data.begin()));
}

TEST_CASE("a replayed graph does what its steps do, one by one") { graph_equals_steps<small, oxbow::cuda>(); }

TEST_CASE_TEMPLATE("16 bits are near the oracle, and take half the memory", Backend, cuda_f16, cuda_bf16) {
  network<large, Backend> net{Backend{}, seed{3}};
  network<large, oxbow::cuda> full{oxbow::cuda{}, seed{3}};
  stir(net), stir(full);
  example<large> e;
  image<float> logits{large::output, 3}, exact{large::output, 3};
  net.infer(std::as_const(e.tile).view(), logits.view());
  full.infer(std::as_const(e.tile).view(), exact.view());
  // Each stored value is rounded to 2^−11 (bf16: 2^−8) of itself; sums of up to 162 products of either sign make 13 of
  // it, in each of five layers.
  double const unit = std::is_same_v<Backend, cuda_f16> ? 0x1p-11 : 0x1p-8;
  double const off = relative_error(logits.data, exact.data);
  CHECK(off <= 13 * 5 * unit);
  CHECK(off > 0x1p-18);
  using halved = typename programs_in<typename large::lowered_, element::f16>::inference;
  CHECK(halved::peak_bytes < .6 * large::inference::peak_bytes);
}

static_assert(asynchronous_inferring_net<network<small, oxbow::cuda>>);  // else predict would take turns with it

TEST_CASE("a prediction in two calls is that of one, and none is finished that was not started") {
  network<small, oxbow::cuda> net{};
  image<float> const tile(small::tile, 1, .25f), other(small::tile, 1, -.5f);
  image<float> whole{small::output, 3}, halves{small::output, 3};
  CHECK_THROWS_WITH_AS(net.finish_infer(halves.view()), doctest::Contains("nothing has been started"),
                       std::logic_error);
  net.infer(tile.view(), whole.view());
  CHECK_THROWS_AS(net.finish_infer(halves.view()), std::logic_error);
  net.start_infer(other.view());  // and forgotten
  net.start_infer(tile.view());
  net.finish_infer(halves.view());
  CHECK(halves.data == whole.data);
}

TEST_CASE("what does not fit says so") {
  network<small, oxbow::cuda> net{};
  image<float> wrong{{1, 20, 20}}, logits{small::output, 3};
  CHECK_THROWS_WITH_AS(net.infer(std::as_const(wrong).view(), logits.view()),
                       doctest::Contains("the tile must be 20 x 24"), std::invalid_argument);
  CHECK_THROWS_WITH_AS((network<small, oxbow::cuda>{oxbow::cuda{.device = 7}}),
                       doctest::Contains("there is no device 7"), std::runtime_error);
}

TEST_CASE("a plan that does not fit says how much it needs, and how much there is") {
  using step = seq<conv<64, 3, pad::zero>, relu>;
  using wide = model<seq<step, step, step, conv<2, 1>>, tile<512, 512>>;
  static_assert(wide::inference::peak_bytes > 64'000'000);
  network<wide, oxbow::cuda> net{};
  void* held = nullptr;
  std::size_t free = 0, total = 0;
  REQUIRE(cudaMemGetInfo(&free, &total) == cudaSuccess);
  REQUIRE(cudaMalloc(&held, free - (std::size_t{32} << 20)) == cudaSuccess);  // 32 MiB are left
  image<float> x{wide::tile}, y{wide::output, 2};
  std::string message;
  try {
    net.infer(std::as_const(x).view(), y.view());
  } catch (cuda_error const& e) {
    CHECK(e.code() == cudaErrorMemoryAllocation);
    message = e.what();
  }
  cudaFree(held);
  INFO(message);
  std::vector<std::string> const parts{"cudaMallocAsync", "inference program", "free of",
                                       on_cuda::megabytes(wide::inference::peak_bytes)};
  for (std::string const& part : parts)
    CHECK(message.find(part) != std::string::npos);
}
