// Optimizers against their textbook formulas in double, and the sums and pieces around them.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include <oxbow/core/random.hpp>
#include <oxbow/train/optimizer.hpp>
#include <oxbow/train/update.hpp>

#include "fake_net.hpp"

using namespace oxbow;

namespace {

constexpr double u = 0x1p-24;  // relative error of one rounding to float

/// A value in double and how far the float version may have strayed from it.
struct bounded {
  double value = 0, error = 0;
};

/// The gradient of step t: an ill-conditioned slope with noise, of a parameter p.
float gradient_at(int t, float p) {
  random_stream const r{1, purpose::example_data, static_cast<std::uint32_t>(t), 2};
  return 0.3f * p + r.uniform(0, -1, 1) * (t % 50 == 7 ? 20.f : 1.f);
}

/// Runs an optimizer beside `expect(t, g, p)`, which advances the double p and its error bound.
template <class Optimizer, class Expect> void compare(Optimizer const& o, Expect&& expect) {
  float p = 0.7f;
  std::array<float, static_cast<std::size_t>(Optimizer::buffers)> memory{};
  std::array<float*, memory.size()> state{};
  for (std::size_t k = 0; k < memory.size(); ++k) state[k] = &memory[k];
  bounded expected{static_cast<double>(p), 0};
  for (int t = 0; t < 400; ++t) {
    double const factor = 1. / (1 + t / 100);  // a schedule with steps
    // The same gradient for both, from the float run, so that rounding alone is compared.
    float const g = gradient_at(t, p);
    o.at(t, factor)(p, g, state);
    expect(t, factor, static_cast<double>(g), expected);
    REQUIRE(std::isfinite(p));
    CHECK(std::abs(static_cast<double>(p) - expected.value) <= expected.error);
    REQUIRE(expected.error < 1e-2);  // else the bound would be worthless
  }
  CHECK(std::abs(expected.value - 0.7) > 0.02);  // it moved
}

}  // namespace

// Each operation rounds by at most u relative; errors are carried along to first order and
// doubled for what that leaves out.

TEST_CASE("sgd follows torch.optim.SGD, with momentum .99, Nesterov and decay") {
  for (bool nesterov : {false, true})
    for (float momentum : {0.f, .9f, .99f})
      for (float decay : {0.f, 0.05f}) {
        CAPTURE(momentum);
        CAPTURE(nesterov);
        sgd const o{.rate = 1e-3f, .momentum = momentum, .nesterov = nesterov, .weight_decay = decay};
        bounded buffer;
        compare(o, [&](int t, double factor, double gradient, bounded& p) {
          double const m = momentum, d = decay, rate = static_cast<double>(o.rate) * factor;
          double const g = gradient + d * p.value, eg = d * p.error + 2 * u * (std::abs(g) + std::abs(d * p.value));
          // torch: the buffer of the first step is the gradient itself
          buffer.value = t == 0 ? g : m * buffer.value + g;
          buffer.error = m * buffer.error + eg + 2 * u * (m * std::abs(buffer.value) + std::abs(g));
          double const way = nesterov ? g + m * buffer.value : buffer.value;
          double const eway = (nesterov ? eg + m * buffer.error : buffer.error) + 2 * u * (std::abs(way) + std::abs(g));
          p.value -= rate * way;
          p.error += 2 * (rate * (eway + 2 * u * std::abs(way)) + u * std::abs(p.value));
        });
      }
}

TEST_CASE("adam and adamw follow torch.optim, decay in the gradient or beside it") {
  auto const check = [](auto const& o, bool decoupled) {
    bounded m, v;
    compare(o, [&](int t, double factor, double gradient, bounded& p) {
      double const rate = static_cast<double>(o.rate) * factor, d = static_cast<double>(o.weight_decay);
      if (decoupled) {
        p.value *= 1 - rate * d;
        p.error += 2 * u * std::abs(p.value);
      }
      double const g = decoupled ? gradient : gradient + d * p.value;
      double const eg = decoupled ? 0 : d * p.error + 2 * u * std::abs(g) + 2 * u * std::abs(d * p.value);
      m.error = o.beta1 * m.error + (1 - o.beta1) * eg + 4 * u * (std::abs(m.value) + std::abs(g));
      m.value = o.beta1 * m.value + (1 - o.beta1) * g;
      // v sums squares; the factors .999f and .001f are themselves rounded.
      v.error = o.beta2 * v.error + (1 - o.beta2) * 2 * std::abs(g) * eg + 4 * u * (v.value + (1 - o.beta2) * g * g);
      v.value = o.beta2 * v.value + (1 - o.beta2) * g * g;
      double const c1 = 1 - std::pow(o.beta1, t + 1), c2 = 1 - std::pow(o.beta2, t + 1);
      double const divisor = std::sqrt(v.value / c2) + static_cast<double>(o.epsilon);
      double const relative = v.error / (2 * v.value) + 6 * u;
      double const way = rate / c1 * m.value / divisor;
      p.value -= way;
      p.error += 2 * (rate / c1 * m.error / divisor + std::abs(way) * relative + u * std::abs(p.value));
    });
  };
  check(adam{.rate = 1e-2f}, false);
  check(adam{.rate = 3e-3f, .beta1 = .8, .beta2 = .99, .epsilon = 1e-4f, .weight_decay = .1f}, false);
  check(adamw{.rate = 1e-2f}, true);
  check(adamw{.rate = 3e-3f, .beta1 = .8, .beta2 = .99, .epsilon = 1e-4f, .weight_decay = .3f}, true);
}

TEST_CASE("twelve steps end where PyTorch 1.13 ends") {
  // for t in range(12): p.grad = [(t % 5 - 2) / 4 + 1/8, -1.5 + t / 4, 2 if t == 3 else 1/64];
  // lr = .01 if t < 6 else .005; from p = [.5, -1.25, 3], in float32
  auto const check = [](auto const& o, std::array<float, 3> expected) {
    constexpr auto buffers = static_cast<std::size_t>(std::remove_cvref_t<decltype(o)>::buffers);
    std::array<float, 3> p{0.5f, -1.25f, 3.f};
    std::array<std::array<float, buffers>, 3> memory{};
    for (int t = 0; t < 12; ++t) {
      std::array<float, 3> const g{static_cast<float>(t % 5 - 2) * 0.25f + 0.125f,
                                   -1.5f + 0.25f * static_cast<float>(t), t == 3 ? 2.f : 0.015625f};
      for (std::size_t i = 0; i < 3; ++i) {
        std::array<float*, buffers> state{};
        for (std::size_t k = 0; k < buffers; ++k) state[k] = &memory[i][k];
        o.at(t, t < 6 ? 1 : 0.5)(p[i], g[i], state);
      }
    }
    // Both round p (below 4: by 2^-23 at most) once or twice a step; all else is a hundred times smaller.
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(p[i] - expected[i]) <= 12 * 2 * 0x1p-23f);
  };
  check(sgd{.rate = .01f, .momentum = .99f}, {0.484189093f, -0.923058629f, 2.87723494f});
  check(sgd{.rate = .01f, .momentum = .9f, .nesterov = true, .weight_decay = .1f},
        {0.459616661f, -0.964726329f, 2.77163982f});
  check(adam{.rate = .01f}, {0.508730948f, -1.18539643f, 2.945575f});
  check(adam{.rate = .01f, .beta1 = .8, .beta2 = .99, .epsilon = 1e-4f, .weight_decay = .1f},
        {0.493336916f, -1.18987656f, 2.93073559f});
  check(adamw{.rate = .01f, .weight_decay = .3f}, {0.495006114f, -1.15305078f, 2.8664093f});
}

TEST_CASE("the update reaches every parameter once, whatever runs the blocks") {
  std::size_t const size = 2 * update_block + 77;
  auto const run = [&](auto&& for_each, float scale) {
    std::vector<float> p(size), g(size);
    std::vector<std::vector<float>> state(2, std::vector<float>(size));
    for (std::size_t i = 0; i < size; ++i) {
      p[i] = static_cast<float>(i % 101) * 0.1f;
      g[i] = static_cast<float>(i % 37) - 18.f;
      state[0][i] = static_cast<float>(i % 5);
      state[1][i] = static_cast<float>(i % 3) + 1;
    }
    update_parameters<2>(adam{}.at(3, 1), scale, std::span(p), std::span<float const>(g), state, for_each);
    return p;
  };
  std::vector<float> const serial = run(serial_for{}, 0.5f);
  for (std::size_t i = 0; i < size; ++i) {
    float p = static_cast<float>(i % 101) * 0.1f, m = static_cast<float>(i % 5), v = static_cast<float>(i % 3) + 1;
    adam{}.at(3, 1)(p, 0.5f * (static_cast<float>(i % 37) - 18.f), {&m, &v});
    REQUIRE(serial[i] == p);
  }
  CHECK(run(fake::shuffled_for{4}, 0.5f) == serial);
}

TEST_CASE("the norm has the same bits for any number of threads, and notices what is not finite") {
  std::vector<float> x(3 * update_block + 1);
  long double squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = random_stream{2, purpose::example_data, 0, 0}.normal(i) * 1e-3f;
    squares += static_cast<long double>(x[i]) * static_cast<long double>(x[i]);
  }
  double const one = euclidean_norm(std::span<float const>(x));
  // About 2000 additions per lane, all positive: relative error below 2100 · 2^-53 in the sum.
  CHECK(std::abs(one - static_cast<double>(std::sqrt(squares))) <= 2100 * 0x1p-53 * one);
  for (int threads : {1, 2, 4}) CHECK(euclidean_norm(std::span<float const>(x), fake::shuffled_for{threads}) == one);
  x.back() = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(euclidean_norm(std::span<float const>(x))));
  x.back() = -std::numeric_limits<float>::infinity();
  CHECK(std::isinf(euclidean_norm(std::span<float const>(x))));
  x.back() = 3e38f;  // its square is no float, but its norm is
  CHECK(euclidean_norm(std::span<float const>(x)) == doctest::Approx(3e38));
  CHECK(euclidean_norm({}) == 0);
}

TEST_CASE("clipping shortens a long gradient to the limit and leaves a short one alone") {
  CHECK(clip_factor(0.5, 1) == 1);
  CHECK(clip_factor(8, 2) == doctest::Approx(0.25).epsilon(1e-6));
  CHECK(clip_factor(1e30, std::numeric_limits<double>::infinity()) == 1);
  CHECK(clip_factor(0, 1) == 1);
}
