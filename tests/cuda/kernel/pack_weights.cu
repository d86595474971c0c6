// Packed weights against the order that packing.hpp describes, for every kind of layer; each weight is packed once.
#include <oxbow/cuda/kernel/pack_weights.cuh>

#include "device.cuh"

using namespace oxbow;
using namespace oxbow::testing;
using on_cuda::packing;

namespace {

template <class T> void check(packing const& order, std::size_t weights) {
  std::vector<float> w(weights);
  for (std::size_t i = 0; i < weights; ++i) w[i] = static_cast<float>(i % 2039 + 1) / 64;  // none is zero
  device_array<float> const plain(w);
  device_array<T> packed(static_cast<std::size_t>(order.size()));
  pack<T>({.order = order}, plain.data, packed.data);
  auto const got = packed.host();
  std::vector<int> times(weights);
  int wrong = 0;
  for (std::int64_t i = 0; i < order.size(); ++i) {
    std::int64_t const from = order.element(i);
    float should = 0;
    if (from >= 0) ++times[static_cast<std::size_t>(from)], should = rounded<T>(w[static_cast<std::size_t>(from)]);
    wrong += !(wide(got[static_cast<std::size_t>(i)]) == double{should});
  }
  CHECK(wrong == 0);
  for (int n : times) REQUIRE(n == 1);
}

}  // namespace

TEST_CASE_TEMPLATE("convolutions, forward and back", T, __half, __nv_bfloat16) {
  check<T>(on_cuda::pack_forward(64, 32, 64, 0, 128, 3, 3), 64 * 128 * 9);
  check<T>(on_cuda::pack_forward(32, 32, 12, 37, 43, 3, 3), 49 * 43 * 9);
  check<T>(on_cuda::pack_grad(64, 32, 12, 37, 43, 3, 3), 49 * 43 * 9);
  check<T>(on_cuda::pack_grad(128, 64, 70, 0, 130, 1, 1), 70 * 130);
}
TEST_CASE("several tensors in one launch: rows among them, and a batch norm that multiplies") {
  // 6 inputs, 5 outputs, 1 × 1; its bias; rows for a head; then the norm's scale, shift, mean and variance
  std::vector<float> p;
  for (int i = 0; i < 30 + 5 + 30 + 20; ++i) p.push_back(static_cast<float>(i % 7 + 1) / 8);
  on_cuda::pack_job w{.order = on_cuda::pack_forward(32, 32, 6, 0, 5, 1, 1)};
  w.scale = 65, w.shift = 70, w.mean = 75, w.variance = 80;
  on_cuda::pack_job b{.rows = 1, .columns = 5, .width = 8, .first_block = w.blocks(), .from = 30, .to = 4096};
  b.scale = 65, b.shift = 70, b.mean = 75, b.variance = 80;
  on_cuda::pack_job const rows{.rows = 2, .columns = 15, .width = 96, .first_block = b.first_block + b.blocks(),
                               .from = 35, .to = 8192};
  device_array<float> const parameters(p);
  device_array<on_cuda::pack_job> const jobs(std::vector<on_cuda::pack_job>{w, b, rows});
  device_array<std::uint8_t> packed(8192 + 2 * 96 * 4);
  launch<on_cuda::pack_weights<__half>>({jobs.data, 3, parameters.data, reinterpret_cast<std::byte*>(packed.data)},
                                        rows.first_block + rows.blocks());
  auto const got = packed.host();
  auto const factor = [&](int k) {
    auto const at = [&](int i) { return double{p[static_cast<std::size_t>(i + k)]}; };
    double const a = at(65) / std::sqrt(at(80) + 1e-5);
    return std::pair{a, at(70) - at(75) * a};
  };
  auto const floats = reinterpret_cast<float const*>(got.data() + 4096);
  for (int k = 0; k < 8; ++k) {
    double const should = k < 5 ? double{p[static_cast<std::size_t>(30 + k)]} * factor(k).first + factor(k).second : 0;
    CHECK(std::fabs(floats[k] - should) <= 0x1p-22 * 8);  // three roundings of numbers below 8
  }
  auto const halves = reinterpret_cast<__half const*>(got.data());
  for (std::int64_t i = 0; i < w.order.size(); ++i) {
    std::int64_t const from = w.order.element(i);
    double const should = from < 0 ? 0 : double{p[static_cast<std::size_t>(from)]} * factor(static_cast<int>(from / 6)).first;
    REQUIRE(std::fabs(wide(halves[i]) - should) <= store_tolerance<__half>(should) + 0x1p-22 * std::fabs(should));
  }
  auto const padded = reinterpret_cast<float const*>(got.data() + 8192);
  for (int i = 0; i < 192; ++i) REQUIRE(padded[i] == (i % 96 < 15 ? p[static_cast<std::size_t>(35 + i / 96 * 15 + i % 96)] : 0));
}
TEST_CASE("windows with more taps than fit at once, and of another shape") {
  check<__half>(on_cuda::pack_forward(32, 32, 20, 0, 33, 5, 5), 20 * 33 * 25);
  check<__half>(on_cuda::pack_grad(32, 32, 20, 0, 33, 2, 5), 20 * 33 * 10);
}
TEST_CASE("up-convolutions, forward and back") {
  check<__half>(on_cuda::pack_up(128, 64, 70, 33, 2, 2), 70 * 33 * 4);
  check<__half>(on_cuda::pack_up_grad(128, 64, 70, 33, 2, 2), 70 * 33 * 4);
}
