// Elementwise ops on patches against ops/.
#include <oxbow/host/elementwise.hpp>

#include <oxbow/ops/elementwise.hpp>

#include "patches.hpp"

using namespace oxbow;
using namespace oxbow::testing;
using on_host::native;

namespace {

/// A user's activation: the library knows nothing of it.
struct cubic {
  static constexpr float value(float x) { return x * x * x; }
  static constexpr float derivative(at_input a) { return 3 * a.x * a.x; }
};

/// An activation: what runs on patches, and how far the result may be from the exact one; null: not at all.
struct entry {
  std::string name;
  function const* f;
  void (*run)(patch const&);
  void (*grad)(patch const&, on_host::box_view const&);
  double (*error)(double x, double y);
  double (*grad_error)(double at, double derivative);
};
template <class A> entry entry_of(char const* name, double (*error)(double, double) = nullptr,
                                  double (*grad_error)(double, double) = nullptr) {
  constexpr function const* f = &function_of<A>::self;
  return {name, f, on_host::activate<native, f>, on_host::activate_grad<native, f>, error, grad_error};
}

// u is one rounding. xsimd's exp errs by 1.5 units in the last place, at most 3 u of the value, expm1 by 4 u, erf by
// 5 u. exp is 0 below −88 and infinite above 88.3, so what is below 1e-37 may vanish. Each operation adds its u.
entry const entries[] = {
    entry_of<relu>("relu"),
    entry_of<leaky_relu<>>("leaky_relu"),
    entry_of<leaky_relu<0.25f>>("leaky_relu<0.25f>"),
    entry_of<identity>("identity"),
    entry_of<cubic>("cubic"),
    entry_of<elu>(
        "elu", [](double, double y) { return 4 * rounding * std::fabs(y); },
        [](double, double d) { return rounding * d; }),  // y + 1
    entry_of<sigmoid>(
        "sigmoid", [](double, double y) { return 5 * rounding * y + 1e-37; },  // 3 u of e in 1 + e, the sum, 1 / it
        [](double, double d) { return 2 * rounding * d; }),                    // 1 − y, and the product
    entry_of<silu>(
        "silu", [](double x, double y) { return 6 * rounding * std::fabs(y) + 1e-37 * std::fabs(x); },
        // s errs by 5 u of s, 1 − s by that and u, times x by |x| · 7 u, plus 1 by u, times s by 5 u + u of it all.
        [](double x, double) {
          double const s = 1 / (1 + std::exp(-x));
          return rounding * s * (14 * std::fabs(x) + 8) + 1e-35;
        }),
    entry_of<gelu>(
        // The argument of erf errs by 1.5 u of itself, which moves erf by at most 0.5 · 1.5 u; erf itself by 5 u, the
        // sum, which is below 2, by 2 u: together below 8 u, times |x| / 2. Two products.
        "gelu", [](double x, double) { return 6 * rounding * std::fabs(x); },
        // 0.5 · 8 u for the first term; exp errs by x² / 2 · u for its argument and 3 u, then three products and a sum.
        [](double x, double) {
          double const density = 0.4 * std::exp(-0.5 * x * x);
          return rounding * (6 + std::fabs(x) * density * (0.5 * x * x + 8)) + 1e-35;
        }),
};

floats some_numbers(chance& any, extent size, int channels) {
  floats x = any.tensor(size, channels, -6, 6);
  for (float& e : x.data)
    if (any.below(6) == 0) e = any.pick({0.f, -0.f, 90.f, -90.f, 100.f, -100.f, 1e-20f, -1e-20f, 30.f, -17.f, 1e30f});
  return x;
}

}  // namespace

TEST_CASE("an activation is its scalar function, and one patch's result is that of any other") {
  for (entry const& e : entries)
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
      chance any{seed};
      extent const size = any.size();
      int const channels = any.channels();
      floats const x = some_numbers(any, size, channels);
      doubles const y = e.error ? ops::activate(exact(x), *e.f) : exact(ops::activate(x, *e.f));
      owned_patch all{{{0, 0, 0}, size}, channels};
      e.run(all.show(x).p);
      INFO(e.name, " ", seed, ": ", describe(size, all.p.where, channels));
      CHECK(mismatch(all, y, [&](int c, ops::pixel p) {
              return e.error ? e.error(static_cast<double>(x(c, p)), y(c, p)) : 0;
            }) == "");
      owned_patch part{any.part(size), channels, any.below(2) == 0};
      e.run(part.show(x).p);
      CHECK(mismatch(part, [&](int c, ops::pixel p) { return all.p.at(c / 16, p.z, p.y, p.x)[c % 16]; }) == "");
    }
}

TEST_CASE("the gradient of an activation is dy times its derivative") {
  for (entry const& e : entries)
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
      chance any{seed};
      extent const size = any.size();
      int const channels = any.channels();
      floats at = some_numbers(any, size, channels);
      floats const dy = any.tensor(size, channels);
      for (float& a : at.data) {  // an output of sigmoid, of elu; nothing that overflows
        if (e.f == &function_of<sigmoid>::self) a = std::fabs(a) > 1 ? 0.5f : std::fabs(a);
        if (e.f == &function_of<elu>::self && a < -1) a = -1;
        if (a > 1e29f) a = 7;
      }
      owned_patch d{any.part(size), channels, any.below(2) == 0}, a{d.p.where, channels, any.below(2) == 0};
      e.grad(d.show(dy).p, a.show(at).p);
      INFO(e.name, " ", seed, ": ", describe(size, d.p.where, channels));
      if (!e.grad_error) CHECK(mismatch(d, ops::activate_grad(dy, at, *e.f)) == "");
      doubles const expected = ops::activate_grad(exact(dy), exact(at), *e.f);
      if (e.grad_error)
        CHECK(mismatch(d, expected, [&](int c, ops::pixel p) {
                double const g = std::fabs(static_cast<double>(dy(c, p))), y = std::fabs(expected(c, p));
                return g * e.grad_error(static_cast<double>(at(c, p)), g > 0 ? y / g : 0) + 2 * rounding * y;
              }) == "");
      CHECK(mismatch(a, at) == "");
    }
}

TEST_CASE("what is not a number stays so, but in relu") {
  float const infinity = std::numeric_limits<float>::infinity();
  std::vector<float> const strange{poison(), infinity, -infinity, 1.f};
  for (entry const& e : entries)
    for (int n = 1; n < 20; ++n) {  // each of them in every position of a vector
      floats x{{1, 1, n}, 1}, half{{1, 1, n}, 1, 0.5f};
      for (int i = 0; i < n; ++i) x(0, {0, 0, i}) = strange[static_cast<std::size_t>(i % 4)];
      owned_patch y{{{0, 0, 0}, x.size}, 1}, d{{{0, 0, 0}, x.size}, 1}, at{{{0, 0, 0}, x.size}, 1};
      auto const near = [](int, ops::pixel) { return 1e-6; };
      e.run(y.show(x).p);
      e.grad(d.show(x).p, at.show(half).p);
      INFO(e.name, " ", n);
      CHECK(mismatch(y, ops::activate(x, *e.f), near) == "");
      CHECK(mismatch(d, ops::activate_grad(x, half, *e.f), near) == "");
    }
}

TEST_CASE("a sum is that of each element") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    chance any{seed};
    extent const size = any.size();
    int const channels = any.channels();
    floats const a = any.tensor(size, channels), b = any.tensor(size, channels);
    owned_patch y{any.part(size), channels, any.below(2) == 0}, other{y.p.where, channels, any.below(2) == 0};
    on_host::add(y.show(a).p, other.show(b).p);
    INFO(seed, ": ", describe(size, y.p.where, channels));
    CHECK(mismatch(y, ops::add(a, b)) == "");
    CHECK(mismatch(other, b) == "");
  }
}

TEST_CASE("dropout masks a patch with its part of the tensor's mask, to the bit") {
  int dropped = 0, kept = 0;
  for (std::uint64_t seed = 0; seed < 80; ++seed) {
    chance any{seed};
    extent const size = any.size();
    int const channels = any.channels();
    floats const x = any.tensor(size, channels, 1, 2);
    float const rate = any.pick({0.f, 0.1f, 0.5f, 0.9f});
    random_stream const stream = ops::drop_stream({seed, 7, 3}, 2);
    floats const masked = ops::drop(x, stream, rate);
    owned_patch y{any.part(size), channels, any.below(2) == 0};
    patch const whole = y.show(x).p;  // in two parts where a cut between blocks is possible
    int const first = channels > 16 && any.below(2) == 0 ? 16 : channels;
    on_host::drop(whole.slice(0, first), size, channels, 0, stream, rate);
    if (first < channels) on_host::drop(whole.slice(first, channels - first), size, channels, first, stream, rate);
    INFO(seed, ": ", describe(size, y.p.where, channels), ", rate ", rate);
    CHECK(mismatch(y, masked) == "");
    for (float const e : masked.data) ++(e == 0 ? dropped : kept);
  }
  CHECK(dropped > 1000);
  CHECK(kept > 1000);
}

TEST_CASE("a norm with known statistics is a factor and an offset per channel, and so is its gradient") {
  for (std::uint64_t seed = 0; seed < 80; ++seed) {
    chance any{seed};
    extent const size = any.size();
    int const channels = any.channels(), padded = (channels + 15) / 16 * 16;
    floats const x = any.tensor(size, channels), g = any.tensor(size, channels);
    auto numbers = [&] {
      std::vector<float> v = any.numbers(channels, -2, 2);
      v.resize(static_cast<std::size_t>(padded), poison());
      return v;
    };
    std::vector<float> const a = numbers(), b = numbers(), c = numbers();
    auto const at = [](std::vector<float> const& v, int i) {
      return static_cast<double>(v[static_cast<std::size_t>(i)]);
    };
    owned_patch y{any.part(size), channels, any.below(2) == 0};
    on_host::normalise(y.show(x).p, a.data(), b.data());
    INFO(seed, ": ", describe(size, y.p.where, channels));
    // Two roundings where the machine has no fused multiply-add, of the product and of the sum.
    CHECK(mismatch(
              y, [&](int k, ops::pixel p) { return static_cast<double>(x(k, p)) * at(a, k) + at(b, k); },
              [&](int k, ops::pixel p) {
                return 2 * rounding * (std::fabs(static_cast<double>(x(k, p)) * at(a, k)) + std::fabs(at(b, k)));
              }) == "");
    owned_patch d{y.p.where, channels, any.below(2) == 0}, of{y.p.where, channels, any.below(2) == 0};
    on_host::norm_grad(d.show(g).p, of.show(x).p, a.data(), b.data(), c.data());
    // The same twice.
    CHECK(mismatch(
              d,
              [&](int k, ops::pixel p) {
                return static_cast<double>(g(k, p)) * at(a, k) + static_cast<double>(x(k, p)) * at(b, k) + at(c, k);
              },
              [&](int k, ops::pixel p) {
                return 4 * rounding *
                       (std::fabs(static_cast<double>(g(k, p)) * at(a, k)) +
                        std::fabs(static_cast<double>(x(k, p)) * at(b, k)) + std::fabs(at(c, k)));
              }) == "");
  }
}
