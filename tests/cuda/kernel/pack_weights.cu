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
  launch<on_cuda::pack_weights<T>>({order, plain.data, packed.data});
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
TEST_CASE("windows with more taps than fit at once, and of another shape") {
  check<__half>(on_cuda::pack_forward(32, 32, 20, 0, 33, 5, 5), 20 * 33 * 25);
  check<__half>(on_cuda::pack_grad(32, 32, 20, 0, 33, 2, 5), 20 * 33 * 10);
}
TEST_CASE("up-convolutions, forward and back") {
  check<__half>(on_cuda::pack_up(128, 64, 70, 33, 2, 2), 70 * 33 * 4);
  check<__half>(on_cuda::pack_up_grad(128, 64, 70, 33, 2, 2), 70 * 33 * 4);
}
