// Activations in both precisions, and the masks of dropout.
#include <doctest/doctest.h>

#include "testing.hpp"

#include <oxbow/ops/elementwise.hpp>
using namespace oxbow;
using namespace oxbow::testing;
using ops::pixel;
using ops::tensor;

namespace {

/// A user's own activation: x³.
struct cube {
  static float value(float x) { return x * x * x; }
  static float derivative(at_input a) { return 3 * a.x * a.x; }
};

struct named {
  char const* name;
  function const* f;
};
named const activations[] = {{"identity", &function_of<identity>::self}, {"relu", &function_of<relu>::self},
                             {"leaky", &function_of<leaky_relu<>>::self}, {"elu", &function_of<elu>::self},
                             {"sigmoid", &function_of<sigmoid>::self},   {"silu", &function_of<silu>::self},
                             {"gelu", &function_of<gelu>::self}};

}  // namespace

TEST_CASE("activations written for double agree with the library's own") {
  for (named const& a : activations) {
    CAPTURE(a.name);
    function const* const f = a.f;
    for (double x = -8; x <= 8; x += 0.0625) {
      CAPTURE(x);
      float const y = f->value(static_cast<float>(x));
      // A few float operations: each rounds by 2^−24; in x · Φ(x) and x · sigmoid(x) the factor has an absolute error
      // of a few 2^−24 times x, at most 8.
      double const tolerance = 8 * 4 * 0x1p-24;
      CHECK(std::abs(ops::value_of(*f, x) - y) < tolerance);
      double const at = f->of_output ? double{y} : x;
      CHECK(std::abs(ops::derivative_of(*f, at) - f->derivative(static_cast<float>(at))) < 2 * tolerance);
      CHECK(ops::value_of(*f, static_cast<float>(x)) == y);
    }
  }
}

TEST_CASE("derivatives agree with central differences") {
  for (named const& a : activations) {
    CAPTURE(a.name);
    function const* const f = a.f;
    for (double x = -5.96875; x <= 6; x += 0.0625) {  // never within a step of the kink at 0
      CAPTURE(x);
      double at = x;
      double const numeric = slope([&] { return ops::value_of(*f, at); }, at, 1e-5);
      double const analytic = ops::derivative_of(*f, f->of_output ? ops::value_of(*f, x) : x);
      // step² · f''' / 6 < 1e-10 and 2^−53 · 6 / step < 1e-10
      CHECK(std::abs(numeric - analytic) < 1e-9);
    }
  }
}

TEST_CASE("a user's activation is evaluated in float and has the gradient that it states") {
  auto const& f = function_of<cube>::self;
  auto const y = ops::activate(plane({1, 1, 3}, {-2, 0, 0.5}), f);
  CHECK(y.data == std::vector<double>{-8, 0, 0.125});
  CHECK(ops::activate_grad(plane({1, 1, 3}, {1, 1, 10}), plane({1, 1, 3}, {-2, 0, 0.5}), f).data ==
        std::vector<double>{12, 0, 7.5});
}

TEST_CASE("the gradient of relu at zero is zero") {
  auto const& f = function_of<relu>::self;
  auto const x = plane({1, 1, 3}, {-1, 0, 2});
  CHECK(ops::activate_grad(plane({1, 1, 3}, {5, 5, 5}), ops::activate(x, f), f).data == std::vector<double>{0, 0, 5});
}

TEST_CASE("a dropout mask walks its stream channels last") {
  extent const size{2, 3, 4};
  int const channels = 3;
  random_key const key{.seed = 11, .step = 5, .sample = 0};
  auto const y = ops::drop(tensor<float>{size, channels, 1.f}, ops::drop_stream(key, 2), 0.25f);
  random_stream const stream{.seed = 11, .use = purpose::dropout, .a = 5, .b = 2};
  std::uint64_t element = 0;
  for (int z = 0; z < 2; ++z)
    for (int row = 0; row < 3; ++row)
      for (int column = 0; column < 4; ++column)
        for (int c = 0; c < channels; ++c)
          CHECK(y(c, {z, row, column}) == (stream.uniform(element++) < 0.25f ? 0.f : 1.f / 0.75f));
}

TEST_CASE("dropout drops its share, keeps the mean, and is its own gradient") {
  for (float const rate : {0.f, 0.1f, 0.5f, 0.9f}) {
    CAPTURE(rate);
    tensor<double> const ones{{1, 64, 64}, 4, 1.};
    auto const stream = ops::drop_stream({3, 1, 0}, 0);
    auto const mask = ops::drop(ones, stream, rate);
    double dropped = 0;
    for (double const m : mask.data) {
      dropped += m == 0;
      CHECK((m == 0 || m == double{1 / (1 - rate)}));
    }
    // Binomial: deviation sqrt(n · rate · (1 − rate)); five of them, n = 16384
    CHECK(std::abs(dropped - 16384 * double{rate}) <= 5 * std::sqrt(16384. * rate * (1 - double{rate})));
    auto const x = random_tensor(ones.size, 4, 1), dy = random_tensor(ones.size, 4, 2);
    CHECK(std::abs(dot(ops::drop(x, stream, rate).data, dy.data) - dot(x.data, ops::drop(dy, stream, rate).data)) <
          adjoint_tolerance(10 * 16384));
  }
}

TEST_CASE("layers, steps, seeds and examples of a batch drop different elements") {
  tensor<double> const ones{{1, 16, 16}, 1, 1.};
  auto const base = ops::drop(ones, ops::drop_stream({1, 1, 0}, 0), 0.5f);
  CHECK(ops::drop(ones, ops::drop_stream({1, 1, 0}, 0), 0.5f).data == base.data);
  CHECK(ops::drop(ones, ops::drop_stream({1, 1, 0}, 1), 0.5f).data != base.data);
  CHECK(ops::drop(ones, ops::drop_stream({1, 2, 0}, 0), 0.5f).data != base.data);
  CHECK(ops::drop(ones, ops::drop_stream({2, 1, 0}, 0), 0.5f).data != base.data);
  CHECK(ops::drop(ones, ops::drop_stream({1, 1, 1}, 0), 0.5f).data != base.data);
}

TEST_CASE("a sum is a sum") {
  CHECK(ops::add(plane({1, 1, 2}, {1, 2}), plane({1, 1, 2}, {10, 20})).data == std::vector<double>{11, 22});
}
