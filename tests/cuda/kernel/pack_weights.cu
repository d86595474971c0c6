// Packed weights against the order that packing.hpp describes, for every kind of layer; each weight is packed once.
#include <oxbow/cuda/kernel/pack_weights.cuh>
#include <oxbow/cuda/kernel/update.cuh>
#include <oxbow/cuda/run/program_needs.cuh>
#include <oxbow/train/optimizer.hpp>

#include <bit>

#include "device.cuh"

using namespace oxbow;
using namespace oxbow::testing;
using on_cuda::packing;

namespace {

/// What a packed number is.
template <class T> double packed_value(float x) { return double{rounded<T>(x)}; }
/// To nearest, away from zero where two are as near.
template <> double packed_value<float>(float x) {
  return double{std::bit_cast<float>((std::bit_cast<std::uint32_t>(x) + 0x1000u) & 0xffffe000u)};
}
template <class T> double stored_value(T x) { return wide(x); }
double stored_value(float x) { return double{x}; }

/// The same order for numbers of this size: a step and a chunk have as many bytes.
template <class T> packing order_for(packing p) {
  int const units = static_cast<int>(sizeof(T)) / 2;
  p.chunk /= units, p.step_inputs /= units;
  return p;
}

/// Are all weights packed once, in their order, and zeros where there are none?
template <class T> void check_copy(packing const& order, std::vector<float> const& w, T const* got) {
  std::vector<int> times(w.size());
  int wrong = 0;
  for (std::int64_t i = 0; i < order.size(); ++i) {
    std::int64_t const from = order.element(i);
    double should = 0;
    if (from >= 0) ++times[static_cast<std::size_t>(from)], should = packed_value<T>(w[static_cast<std::size_t>(from)]);
    wrong += !(stored_value(got[i]) == should);
  }
  CHECK(wrong == 0);
  for (int n : times) REQUIRE(n == 1);
}

/// Some numbers, none of them zero.
std::vector<float> weights(std::size_t count) {
  std::vector<float> w(count);
  for (std::size_t i = 0; i < count; ++i) w[i] = static_cast<float>(i % 2039 + 1) / 64;
  return w;
}

template <class T> void check(packing const& order, std::size_t count) {
  std::vector<float> const w = weights(count);
  device_array<float> const plain(w);
  device_array<T> packed(static_cast<std::size_t>(order.size()));
  pack<T>(on_cuda::parameter_job::of(order), {.order = order}, plain.data, packed.data);
  check_copy<T>(order, w, packed.host().data());
}

/// Several copies of a tensor behind one another, packed alone and by the optimizer, and momentum beside them.
template <class T> void check_together(std::vector<packing> orders, std::size_t count) {
  for (packing& order : orders) order = order_for<T>(order);
  constexpr std::size_t in_front = 5;  // parameters of nobody
  std::vector<float> w = weights(in_front + count), v = weights(w.size());
  std::vector<on_cuda::packed_copy> copies;
  std::size_t elements = 0;
  for (packing const& order : orders) {
    copies.push_back({.order = order, .to = static_cast<std::int64_t>(elements * sizeof(T))});
    elements += static_cast<std::size_t>(order.size());
  }
  on_cuda::parameter_job job = on_cuda::parameter_job::of(orders[0]);
  job.from = in_front;
  parameters_on_device p;
  p.add(job, copies);
  device_array<float> const values(w), gradients(w), momentum(v);
  device_array<on_cuda::scale_state> const scale(std::vector{on_cuda::scale_state{}});
  device_array<T> const packed(elements);
  sgd const rule{.rate = .5f, .momentum = .75f};
  for (bool learns : {false, true}) {
    must(cudaMemset(packed.data, 0, elements * sizeof(T)), "cudaMemset");
    p.use(values.data, packed.data, [&](on_cuda::parameter_table const& t, int blocks) {
      if (!learns) return launch<on_cuda::pack_weights<T>>(t, blocks);
      launch<on_cuda::update_parameters<T, sgd::rule, 1>>(
          {t, {rule.at(0, 1), .5f, values.data, gradients.data, {momentum.data}}, scale.data}, blocks);
    });
    if (learns)
      for (std::size_t i = in_front; i < w.size(); ++i) {
        float* const state = &v[i];
        rule.at(0, 1)(w[i], .5f * w[i], {state});  // sums of few bits: exact, contracted or not
      }
    CHECK(values.host() == w);
    auto const got = packed.host();
    for (std::size_t k = 0; k < orders.size(); ++k)
      check_copy<T>(orders[k], {w.begin() + in_front, w.end()},
                    got.data() + copies[k].to / static_cast<std::int64_t>(sizeof(T)));
  }
  CHECK(momentum.host() == v);
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
  packing const order = on_cuda::pack_forward(32, 32, 6, 0, 5, 1, 1);
  on_cuda::parameter_job w = on_cuda::parameter_job::of(order), b{.first = 5, .is_bias = true},
                         rows{.rows = 2, .first = 15};
  w.scale = 65, w.shift = 70, w.mean = 75, w.variance = 80;
  b.from = 30, b.scale = 65, b.shift = 70, b.mean = 75, b.variance = 80;
  rows.from = 35;
  parameters_on_device all;
  all.add(w, {{.order = order}});
  all.add(b, {{.width = 8, .to = 4096}});
  all.add(rows, {{.width = 96, .to = 8192}});
  device_array<float> const parameters(p);
  device_array<std::uint8_t> packed(8192 + 2 * 96 * 4);
  must(cudaMemset(packed.data, 0, packed.size), "cudaMemset");
  all.use(parameters.data, packed.data, [](on_cuda::parameter_table const& t, int blocks) {
    launch<on_cuda::pack_weights<__half>>(t, blocks);
  });
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
  for (std::int64_t i = 0; i < order.size(); ++i) {
    std::int64_t const from = order.element(i);
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
TEST_CASE_TEMPLATE("copies of one tensor, packed alone and by the optimizer", T, __half, __nv_bfloat16, float) {
  using namespace on_cuda;
  check_together<T>({pack_forward(64, 32, 70, 0, 43, 3, 3), pack_grad(32, 32, 70, 0, 43, 3, 3)}, 70 * 43 * 9);
  // both sides of a join, of whole tiles and of odd channels; and a gradient that is not cut where the input is
  check_together<T>({pack_forward(64, 32, 32, 37, 43, 3, 3), pack_grad(32, 32, 32, 37, 43, 3, 3)}, 69 * 43 * 9);
  check_together<T>({pack_forward(64, 64, 12, 37, 43, 3, 3), pack_grad(32, 32, 12, 37, 43, 3, 3),
                     pack_grad(32, 32, 49, 0, 43, 3, 3)}, 49 * 43 * 9);
  check_together<T>({pack_up(128, 64, 70, 33, 2, 2), pack_up_grad(128, 64, 70, 33, 2, 2)}, 70 * 33 * 4);
  check_together<T>({pack_forward(32, 32, 40, 0, 9, 5, 5), pack_grad(32, 32, 40, 0, 9, 5, 5)}, 40 * 9 * 25);
}
TEST_CASE("a step that is computed twice reads one copy of its weights; another order, or a norm, is another copy") {
  using namespace on_cuda;
  parameter const of_program[] = {{.is = role::weight, .rows = 9, .columns = 6},
                                  {.is = role::bias, .rows = 9, .offset = 54},
                                  {.rows = 9, .offset = 63}, {.rows = 9, .offset = 72},  // scale and shift of a norm,
                                  {.rows = 9, .offset = 81}, {.rows = 9, .offset = 90}};  // its mean and variance
  program_needs<__half> needs{of_program};
  instruction step;
  step.parameter = 0, step.folded = none;
  packing const order = pack_forward(32, 32, 6, 0, 9, 1, 1), other = pack_grad(32, 32, 6, 0, 9, 1, 1);
  auto const first = needs.pack_weights_of(step, order), bias = needs.pack_bias_of(step, 32);
  auto const bytes = needs.packed_bytes;
  CHECK(needs.pack_weights_of(step, order) == first);
  CHECK(needs.pack_bias_of(step, 32) == bias);
  CHECK(needs.packed_bytes == bytes);
  CHECK(needs.jobs(2).copies.size() == 2);
  CHECK(needs.pack_weights_of(step, other) != first);
  CHECK(needs.pack_bias_of(step, 16) != bias);
  CHECK(needs.jobs(2).copies.size() == 4);
  step.folded = 2;
  CHECK(needs.pack_weights_of(step, order) != first);
  CHECK(needs.jobs(2).jobs[0].scale == 63);
}
