// Reading between pixels and beyond the border.
#include <doctest/doctest.h>

#include <limits>

#include <oxbow/augment/sampling.hpp>

#include "common.hpp"

using namespace oxbow;
using namespace oxbow::test;

namespace {

float linear(image<float> const& from, position at, int channel = 0, extent corner = {0, 0, 0}) {
  return linear_pixels(source_place(at, corner), from.size)(from.view(), channel);
}
float cubic(image<float> const& from, position at, int channel = 0, extent corner = {0, 0, 0}) {
  return cubic_pixels(source_place(at, corner), from.size)(from.view(), channel);
}

/// Walks from pixel to pixel and turns round at the ends.
float walked(image<float> const& from, int y, int x) {
  auto const walk = [](int steps, int size) {
    int at = 0, step = size == 1 ? 0 : 1;
    if (steps < 0) steps = -steps;  // a mirror at pixel 0
    for (; steps > 0; --steps) {
      if (at + step < 0 || at + step >= size) step = -step;
      at += step;
    }
    return at;
  };
  return from(walk(y, from.size.height), walk(x, from.size.width));
}

template <class F> image<float> filled(extent size, F f) {
  image<float> made(size);
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x) made(y, x) = f(static_cast<float>(y), static_cast<float>(x));
  return made;
}

}  // namespace

TEST_CASE("the image goes on as its mirror image to any distance, for any size from 1 x 1") {
  for (extent const size : {extent{1, 1, 1}, extent{1, 1, 2}, extent{1, 2, 3}, extent{1, 5, 4}}) {
    image<float> const from = arbitrary_image(size);
    for (int y = -23; y < 23; ++y)
      for (int x = -23; x < 23; ++x) {
        float const expected = walked(from, y, x);
        position const at{0, static_cast<float>(y), static_cast<float>(x)};
        REQUIRE(linear(from, at) == expected);
        REQUIRE(cubic(from, at) == expected);
        REQUIRE(nearest_pixel<float>(from.view(), source_place(at, {0, 0, 0})) == expected);
        REQUIRE(linear(from, {}, 0, {0, y, x}) == expected);
      }
  }
}

TEST_CASE("between pixels, linear interpolation reproduces planes, cubic interpolation quadratics") {
  image<float> const plane = filled({1, 40, 30}, [](float y, float x) { return 3 * y - 2 * x + 1; });
  image<float> const bowl = filled({1, 40, 30}, [](float y, float x) { return y * y - x * y + .5f * x * x; });
  random_stream const random{1, purpose::example_data};
  for (std::uint32_t n = 0; n < 500; ++n) {
    float const y = random.uniform(2 * n, 2, 37), x = random.uniform(2 * n + 1, 2, 27);
    // Values are at most 200, four weighted by 1 at most in all round seven times: 7·200·2^-24 and the position's 2^-19.
    CHECK(std::abs(linear(plane, {0, y, x}) - (3 * y - 2 * x + 1)) < 2e-4f);
    // Values are at most 2900; 16 terms, weights within 8·2^-24 that sum to at most 1.25²: 2900·50·1.6·2^-24 < 0.014.
    CHECK(std::abs(cubic(bowl, {0, y, x}) - (y * y - x * y + .5f * x * x)) < 0.014f);
  }
}

TEST_CASE("volumes are interpolated along depth as well") {
  image<float> volume({6, 7, 8});
  for (int z = 0; z < 6; ++z)
    for (int y = 0; y < 7; ++y)
      for (int x = 0; x < 8; ++x) volume(z, y, x, 0) = static_cast<float>(100 * z + 10 * y + x);
  CHECK(linear(volume, {1.5f, 2.25f, 3.5f}) == 150 + 22.5f + 3.5f);
  CHECK(cubic(volume, {2.5f, 2.5f, 3.5f}) == doctest::Approx(250 + 25 + 3.5).epsilon(1e-6));
  CHECK(nearest_pixel<float>(volume.view(), source_place({1.6f, 2.4f, 7.2f}, {0, 0, 0})) == 227);
}

TEST_CASE("channels do not mix") {
  image<float> const from = arbitrary_image({1, 9, 9}, 3);
  for (int c = 0; c < 3; ++c) {
    image<float> alone({1, 9, 9});
    for (int i = 0; i < 81; ++i)
      alone.data[static_cast<std::size_t>(i)] = from.data[static_cast<std::size_t>(3 * i + c)];
    CHECK(linear(from, {0, 2.3f, 5.9f}, c) == linear(alone, {0, 2.3f, 5.9f}));
    CHECK(cubic(from, {0, 2.3f, 5.9f}, c) == cubic(alone, {0, 2.3f, 5.9f}));
  }
}

TEST_CASE("the nearest pixel is that whose centre is nearest") {
  label_image const from = arbitrary_labels({1, 11, 13});
  random_stream const random{9, purpose::example_data};
  for (std::uint32_t n = 0; n < 500; ++n) {
    float const y = random.uniform(2 * n, -.49f, 10.49f), x = random.uniform(2 * n + 1, -.49f, 12.49f);
    double best = 1e9;
    std::uint8_t expected = 0;
    for (int j = 0; j < 11; ++j)
      for (int i = 0; i < 13; ++i)
        if (double const d = std::hypot(static_cast<double>(y) - j, static_cast<double>(x) - i); d < best) {
          best = d;
          expected = from(j, i);
        }
    CHECK(nearest_pixel<std::uint8_t>(from.view(), source_place({0, y, x}, {0, 0, 0})) == expected);
  }
}

TEST_CASE("no neighbour, be it infinite, leaks into a place on a pixel") {
  image<float> from({1, 3, 3}, 1, std::numeric_limits<float>::infinity());
  from(1, 1) = -0.f;
  CHECK(std::signbit(linear(from, {0, 1, 1})));
  CHECK(std::signbit(cubic(from, {0, 1, 1})));
}

TEST_CASE("places that are infinite or not a number read some pixel of the image") {
  image<float> const from({1, 4, 5}, 1, 2.5f);
  for (float const wild : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                           std::numeric_limits<float>::quiet_NaN(), 3e38f, -3e38f, 0x1p30f, -0x1p30f}) {
    CHECK(linear(from, {0, wild, wild}, 0, {0, 100, -100}) == 2.5f);
    CHECK(cubic(from, {wild, wild, 1}) == 2.5f);
    CHECK(nearest_pixel<float>(from.view(), source_place({wild, 0, wild}, {0, 0, 0})) == 2.5f);
  }
}

TEST_CASE("fractions keep their bits far out in a large image") {
  image<float> row({1, 1, 100'001});
  for (int x = 0; x < 100'001; ++x) row(0, x) = static_cast<float>(x % 2);
  CHECK(linear(row, {0, 0, 0.0009765625f}, 0, {0, 0, 99'998}) == 0.0009765625f);
}
