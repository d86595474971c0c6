// Maps without their finest grain.
#include <doctest/doctest.h>

#include <cmath>

#include <oxbow/objects/smooth.hpp>

#include "scenes.hpp"

using namespace oxbow;

TEST_CASE("what is the same everywhere stays, and without a deviation everything does") {
  for (extent const size : test::odd_sizes) {
    image<float> const flat(size, 2, 0.3f);
    for (float const v : smooth(flat, 1.7f).data) CHECK(v == doctest::Approx(0.3f).epsilon(1e-6));
    image<float> grain(size);
    label_image const drawn = test::speckle(size, 3, 5);
    for (std::size_t i = 0; i < grain.data.size(); ++i) grain.data[i] = drawn.data[i];
    CHECK(smooth(grain, 0).data == grain.data);
  }
}

TEST_CASE("a point becomes a Gaussian in its slice and its channel alone") {
  image<float> point({2, 31, 33}, 2);
  point(1, 15, 16, 1) = 1;
  auto const seen = smooth(point, 2);
  double worst = 0, all = 0;
  for (int z = 0; z < 2; ++z)
    for (int y = 0; y < 31; ++y)
      for (int x = 0; x < 33; ++x)
        for (int c = 0; c < 2; ++c) {
          double const squared = (y - 15) * (y - 15) + (x - 16) * (x - 16);
          double const right = z == 1 && c == 1 ? std::exp(-squared / 8) / (2 * 3.14159265358979 * 4) : 0;
          worst = std::max(worst, std::abs(static_cast<double>(seen(z, y, x, c)) - right));
          all += static_cast<double>(seen(z, y, x, c));
        }
  CHECK(worst < 1e-5);  // what lies beyond four deviations
  CHECK(all == doctest::Approx(1).epsilon(1e-5));
}

TEST_CASE("what lies outside is the mirror image") {
  extent const size{1, 5, 6};
  image<float> small(size), wide({1, 45, 46});
  label_image const drawn = test::speckle(size, 7, 6);
  for (std::size_t i = 0; i < small.data.size(); ++i) small.data[i] = drawn.data[i];
  for (int y = 0; y < 45; ++y)
    for (int x = 0; x < 46; ++x) wide(y, x) = small(mirrored(y - 20, 5), mirrored(x - 20, 6));
  auto const seen = smooth(small, 1.5f), right = smooth(wide, 1.5f);
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 6; ++x) CHECK(seen(y, x) == right(y + 20, x + 20));
}

TEST_CASE("a deviation that is none is named") {
  CHECK_THROWS_WITH_AS(smooth(image<float>({1, 2, 2}), -1),
                       "smooth: the deviation is -1.000000; it must be between 0 and 1000 pixels.",
                       std::invalid_argument);
}
