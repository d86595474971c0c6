// Sums over pixels: norms of large values with small deviations, gradients of norms and biases, joined tensors.
#include <oxbow/cuda/run/reductions.cuh>
#include <oxbow/ops/convolution.hpp>
#include <oxbow/ops/normalisation.hpp>
#include <oxbow/ops/views.hpp>

#include "device_array.cuh"
using namespace oxbow;
using namespace oxbow::testing;

namespace {

/// A tensor and the same in the layout of the arena, from float `at` of the arena on.
struct placed {
  ops::tensor<double> tensor;
  on_cuda::stored where;

  placed(std::vector<float>& arena, extent size, int channels, std::uint32_t number, float low, float high) {
    std::size_t const at = arena.size();
    arena.resize(at + static_cast<std::size_t>(layout::bytes(size, channels, 32) / 4), 1e30f);
    auto const x = numbers(static_cast<std::size_t>(size.volume()) * channels, number, low, high);
    std::size_t n = 0;
    tensor = ops::make_tensor<double>(size, channels, [&](int c, ops::pixel p) {
      int const lanes = layout::lanes(channels);
      std::int64_t const to = (c / layout::block * size.volume() + ops::index(size, p)) * lanes + c % layout::block;
      return double{arena[at + static_cast<std::size_t>(to)] = x[n++]};
    });
    where.offset = static_cast<std::int64_t>(at * 4);
    where.size = where.high = size, where.channels = where.count = channels;
  }
};

}  // namespace

TEST_CASE("means, deviations and their gradients over joined tensors") {
  extent const size{1, 33, 67};
  std::vector<float> arena;
  // Values around 1000 with deviations of 1: a sum of squares in float would have no digits left.
  placed const a{arena, size, 18, 1, 999, 1001}, b{arena, size, 6, 2, -1, 1}, dy{arena, size, 24, 3, -1, 1};
  auto const x = ops::join(a.tensor, b.tensor);
  device_array<float> const memory{arena};
  device_array<on_cuda::stored> const table{std::vector{a.where, b.where, dy.where}};
  auto* const bytes = reinterpret_cast<std::byte*>(memory.data());
  on_cuda::joined const both{table.data(), 2}, gradient{table.data() + 2, 1};
  int const parts = on_cuda::parts_of(size), channels = 24;
  device_array<double> const sums{static_cast<std::size_t>(parts * 2 * channels)};
  device_array<on_cuda::run_scalars> const run{std::vector{on_cuda::run_scalars{}}};
  for (int const groups : {24, 8}) {
    device_array<float> const out{static_cast<std::size_t>(2 * groups)};
    device_array<float> const mean{numbers(24, 4, -1, 1)}, variance{numbers(24, 5, .5f, 1)};
    bool const running = groups == channels;
    on_cuda::detail::launch_sums(on_cuda::moment_terms{both, bytes}, size, channels, sums.data(), nullptr, "a test");
    on_cuda::launch<on_cuda::finish_norm_statistics>(
        {sums.data(), both, bytes, size.volume(), parts, channels, groups, out.data(), running ? mean.data() : nullptr,
         running ? variance.data() : nullptr},
        1, nullptr, "a test");
    auto const wanted = ops::norm_statistics(x, groups);
    auto const got = out.host();
    // Sums are taken in double, so one rounding to float is all.
    for (int i = 0; i < 2 * groups; ++i)
      CHECK(std::abs(got[static_cast<std::size_t>(i)] - wanted(i, {})) <= 0x1.01p-24 * std::abs(wanted(i, {})));
    if (running) {
      std::vector<double> m, v;
      for (float const e : numbers(24, 4, -1, 1)) m.push_back(double{e});
      for (float const e : numbers(24, 5, .5f, 1)) v.push_back(double{e});
      ops::update_running(x, m, v);
      auto const got_m = mean.host(), got_v = variance.host();
      for (std::size_t i = 0; i < 24; ++i) {
        CHECK(std::abs(got_m[i] - m[i]) <= 0x1.01p-24 * std::abs(m[i]));
        CHECK(std::abs(got_v[i] - v[i]) <= 0x1.01p-24 * std::abs(v[i]));
      }
    }
    device_array<float> const both_sums{48}, scale{24}, shift{24};
    device_array<double> const squares{1};
    on_cuda::detail::launch_sums(on_cuda::norm_grad_terms{gradient, both, bytes, out.data(), channels / groups}, size,
                                 channels, sums.data(), nullptr, "a test");
    on_cuda::launch<on_cuda::finish_norm_grad>(
        {sums.data(), parts, channels, groups, out.data(), both_sums.data(), scale.data(), shift.data(), run.data(),
         squares.data()},
        1, nullptr, "a test");
    ops::tensor<double> known{{1, 1, 1}, 2 * groups};
    for (int i = 0; i < 2 * groups; ++i) known(i, {}) = double{got[static_cast<std::size_t>(i)]};
    auto const wanted_sums = ops::norm_grad_statistics(dy.tensor, x, known);
    auto const got_sums = both_sums.host(), got_scale = scale.host();
    for (int i = 0; i < 48; ++i)  // in double, from terms of up to 1: what cancels leaves 2211 · 2^−50 at most
      CHECK(std::abs(got_sums[static_cast<std::size_t>(i)] - wanted_sums(i, {})) <=
            0x1.01p-24 * std::abs(wanted_sums(i, {})) + 1e-9);
    for (std::size_t i = 0; i < 24; ++i) CHECK(got_scale[i] == got_sums[i]);
    double length = 0;
    for (float const g : got_sums) length += double{g} * double{g};
    CHECK(squares.host()[0] == doctest::Approx(length).epsilon(1e-13));
  }
}

TEST_CASE("the gradient of a bias is written or added, with the loss scale taken out") {
  extent const size{3, 7, 5};
  std::vector<float> arena;
  placed const dy{arena, size, 17, 3, -1, 1};
  device_array<float> const memory{arena};
  device_array<on_cuda::stored> const table{std::vector{dy.where}};
  device_array<double> const sums{17}, squares{1};
  device_array<float> const out{17}, factor{std::vector<float>{8.f}};
  auto const wanted = ops::bias_grad(dy.tensor);
  for (int const times : {1, 2}) {
    on_cuda::run_scalars scalars;
    scalars.accumulate = times > 1, scalars.scale = factor.data();
    device_array<on_cuda::run_scalars> const run{std::vector{scalars}};
    on_cuda::detail::launch_sums(on_cuda::bias_terms{{table.data(), 1}, reinterpret_cast<std::byte*>(memory.data())},
                                 size, 17, sums.data(), nullptr, "a test");
    on_cuda::launch<on_cuda::finish_bias_grad>(
        {sums.data(), on_cuda::parts_of(size), 17, out.data(), run.data(), squares.data()}, 1, nullptr, "a test");
    auto const got = out.host();
    double length = 0;
    for (float const g : got) length += double{g} * double{g};
    CHECK(squares.host()[0] == doctest::Approx(length).epsilon(1e-13));
    for (std::size_t i = 0; i < 17; ++i)
      CHECK(std::abs(got[i] - times * wanted[i] / 8) <= 2 * 0x1.01p-24 * std::abs(times * wanted[i] / 8) + 1e-12);
  }
}
