// Random numbers are pure functions, and Philox is the published one.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <set>

#include <oxbow/core/random.hpp>
using namespace oxbow;

namespace {

constexpr bool same(random_words a, random_words b) {
  for (int i = 0; i < 4; ++i)
    if (a.word[i] != b.word[i]) return false;
  return true;
}

// source  Random123, tests/kat_vectors, philox4x32 with 10 rounds
static_assert(same(philox({{0, 0, 0, 0}}, 0, 0), {{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}}));
static_assert(same(philox({{~0u, ~0u, ~0u, ~0u}}, ~0u, ~0u), {{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}}));
static_assert(same(philox({{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}}, 0xa4093822u, 0x299f31d0u),
                   {{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}}));

// The ends of the range: 0 is reached, 1 is not.
static_assert(unit_float(0u) == 0.f);
static_assert(unit_float(~0u) < 1.f && unit_float(~0u) > 0.9999999f);

}  // namespace

TEST_CASE("Philox gives the published words at run time as well") {
  std::uint32_t volatile zero = 0;  // hides the arguments from the constant evaluator
  CHECK(same(philox({{zero, zero, zero, zero}}, zero, zero), {{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}}));
}

TEST_CASE("streams that differ in seed, purpose, a, b or index give different words") {
  random_stream const base{.seed = 7, .use = purpose::dropout, .a = 3, .b = 5};
  std::set<std::uint32_t> first{base.word(0)};
  auto const is_new = [&](random_stream s, std::uint64_t index) { return first.insert(s.word(index)).second; };
  random_stream other = base;
  other.seed = 8;
  CHECK(is_new(other, 0));
  other.seed = 7 + (std::uint64_t{1} << 32);  // the upper half of the seed counts as well
  CHECK(is_new(other, 0));
  other = base;
  other.use = purpose::noise;
  CHECK(is_new(other, 0));
  other = base;
  other.a = 4;
  CHECK(is_new(other, 0));
  other = base;
  other.b = 6;
  CHECK(is_new(other, 0));
  CHECK(is_new(base, 1));
  CHECK(is_new(base, std::uint64_t{4} << 32));  // and the upper half of the index
}

TEST_CASE("word walks through words four at a time") {
  random_stream const s{.seed = 1, .use = purpose::noise, .a = 0, .b = 0};
  for (std::uint64_t i = 0; i < 12; ++i) CHECK(s.word(i) == s.words(i / 4).word[i % 4]);
}

TEST_CASE("uniform numbers have the mean and the deviation of the uniform distribution") {
  random_stream const s{.seed = 42, .use = purpose::noise, .a = 0, .b = 0};
  constexpr int n = 1 << 16;
  double sum = 0, squares = 0;
  for (int i = 0; i < n; ++i) {
    float const u = s.uniform(static_cast<std::uint64_t>(i), -1.f, 3.f);
    REQUIRE(u >= -1.f);
    REQUIRE(u < 3.f);
    sum += u;
    squares += double{u} * u;
  }
  double const mean = sum / n, variance = squares / n - mean * mean;
  // On [-1, 3): mean 1, variance 16/12. The mean of n has deviation sqrt(16/12/n) = 0.0045, the
  // variance sqrt((256/80 − (16/12)²)/n) = 0.0047; five deviations each.
  CHECK(std::abs(mean - 1.) < 0.023);
  CHECK(std::abs(variance - 16. / 12.) < 0.024);
}

TEST_CASE("below reaches every value under its bound and none above") {
  random_stream const s{.seed = 3, .use = purpose::sample_choice, .a = 0, .b = 0};
  int seen[7]{};
  for (std::uint64_t i = 0; i < 7000; ++i) {
    std::uint32_t const v = s.below(i, 7);
    REQUIRE(v < 7);
    ++seen[v];
  }
  // Binomial(7000, 1/7): mean 1000, deviation sqrt(7000·6/49) = 29.3; five deviations.
  for (int const count : seen) CHECK(std::abs(count - 1000) < 147);
  CHECK(s.below(0, 1) == 0);
}

TEST_CASE("logarithm, power, cosine and root are within 2^-22 of the true ones") {
  double log = 0, power = 0, cosine = 0, root = 0;
  auto const relative = [](float got, double wanted) { return std::abs(got - wanted) / std::abs(wanted); };
  for (std::uint32_t bits = 0x00800000u; bits < 0x7F800000u; bits += 9973) {  // every exponent, 800 mantissas of each
    float const x = std::bit_cast<float>(bits);
    if (x != 1) log = std::max(log, relative(log2_of(x), std::log2(double{x})));
    root = std::max(root, relative(root_of(x), std::sqrt(double{x})));
  }
  for (std::uint32_t n = 0; n < 1u << 24; n += 61) {
    float const u = 1 - unit_float(n << 8), x = 252 * unit_float(n << 8) - 126;
    if (u != 1) log = std::max(log, relative(log2_of(u), std::log2(double{u})));  // near 1 it is near 0
    power = std::max(power, relative(exp2_of(x), std::exp2(double{x})));
    cosine = std::max(cosine, std::abs(cosine_of_turns(unit_float(n << 8)) -
                                       std::cos(6.283185307179586477 * double{unit_float(n << 8)})));
  }
  CHECK(log <= 0x1p-22);
  CHECK(power <= 0x1p-22);
  CHECK(cosine <= 0x1p-22);
  CHECK(root <= 0x1p-22);
}

TEST_CASE("whole numbers and ends come out exactly") {
  for (int e = -126; e <= 126; ++e) {
    CHECK(log2_of(std::ldexp(1.f, e)) == static_cast<float>(e));
    CHECK(exp2_of(static_cast<float>(e)) == std::ldexp(1.f, e));
  }
  CHECK(exp2_of(1e9f) == 0x1p126f);
  CHECK(exp2_of(-std::numeric_limits<float>::infinity()) == 0x1p-126f);
  CHECK(root_of(0) == 0);
  CHECK(floor_of(-0.25f) == -1);
  CHECK(floor_of(-3) == -3);
  CHECK(floor_of(0x1p30f) == 1 << 30);
  CHECK(floor_of(-0x1p30f) == -(1 << 30));
  CHECK(brought_within(-7, 5) == -5);
  CHECK(brought_within(4, 5) == 4);
  CHECK(std::abs(brought_within(std::numeric_limits<float>::quiet_NaN(), 5)) == 5);
  CHECK(larger_of(2, 0.5f) == 2);
}

TEST_CASE("a normal number is Box's and Muller's of its two words, alone and beside others") {
  random_stream const s{.seed = 3, .use = purpose::noise, .a = 5, .b = 1};
  auto const right = [&](std::uint64_t index) {
    random_words const w = s.words(index / 2);
    std::uint64_t const k = 2 * (index % 2);
    double const u = 1 - double{unit_float(w.word[k])}, v = unit_float(w.word[k + 1]);
    return std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586477 * v);
  };
  // The largest is √(2 · 24 · ln 2) = 5.8; four functions within 2^-22 each, and a few roundings.
  double const bound = 5.8 * 6 * 0x1p-22;
  constexpr std::uint64_t far = std::uint64_t{1} << 40, carry = (std::uint64_t{1} << 33) - 5;
  for (std::uint64_t const first : {std::uint64_t{0}, std::uint64_t{7}, far, carry})
    for (std::uint64_t const step : {1u, 2u, 3u}) {
      auto const several = s.normals<16>(first, step);
      auto const three = s.normals<3>(first, step);
      for (int i = 0; i < 16; ++i) {
        std::uint64_t const index = first + static_cast<std::uint64_t>(i) * step;
        CHECK(std::abs(s.normal(index) - right(index)) <= bound);
        CHECK(std::abs(several[i] - right(index)) <= bound);
        if (i < 3) CHECK(std::abs(three[i] - right(index)) <= bound);
      }
    }
}

TEST_CASE("normal numbers are finite and have mean 0 and deviation 1") {
  random_stream const s{.seed = 9, .use = purpose::initial_weights, .a = 1, .b = 2};
  constexpr int n = 1 << 16;
  double sum = 0, squares = 0;
  for (int i = 0; i < n; ++i) {
    float const x = s.normal(static_cast<std::uint64_t>(i));
    REQUIRE(std::isfinite(x));
    sum += x;
    squares += double{x} * x;
  }
  // The mean of n has deviation 1/256, the second moment sqrt(2)/256; five deviations each.
  CHECK(std::abs(sum / n) < 5. / 256);
  CHECK(std::abs(squares / n - 1) < 5 * 1.4143 / 256);
}
