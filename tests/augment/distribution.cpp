// What the maps draw, against the distributions that they promise.
#include <doctest/doctest.h>

#include <array>

#include <oxbow/augment/grey.hpp>

#include "common.hpp"

using namespace oxbow;
using namespace oxbow::test;

namespace {

constexpr int draws = 20'000;
constexpr extent patch{1, 32, 32};

/// read(drawn map) for many keys.
template <class Map, class Read> std::vector<float> drawn_values(Map const& map, Read read, extent size = patch) {
  std::vector<float> values;
  for (std::uint32_t n = 0; n < draws; ++n) values.push_back(read(draw(map, {3, n / 4, n % 4}, size).first));
  return values;
}

double correlation(std::vector<float> const& a, std::vector<float> const& b) {
  double aa = 0, bb = 0, ab = 0, ma = 0, mb = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    ma += static_cast<double>(a[i]) / draws, mb += static_cast<double>(b[i]) / draws;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double const x = static_cast<double>(a[i]) - ma, y = static_cast<double>(b[i]) - mb;
    aa += x * x, bb += y * y, ab += x * y;
  }
  return ab / std::sqrt(aa * bb);
}

}  // namespace

TEST_CASE("angles are uniform over the circle, or over the range asked for") {
  auto const angle = [](drawn_rotation const& r) { return std::atan2(-r.sine, -r.cosine) + 3.14159265f; };
  CHECK(distance_from_uniform(drawn_values(rotate{}, angle), -1e-6, 6.2831855) < uniform_bound(draws));
  CHECK(distance_from_uniform(drawn_values(rotate{.from = 30, .to = 60}, angle), 0.5235986, 1.0471977) <
        uniform_bound(draws));
  for (std::uint32_t n = 0; n < 1000; ++n) {
    drawn_rotation const r = draw(rotate{}, {4, n, 0}, patch).first;
    // Two roundings each of 2^-24 relative, and half an ulp each of sine and cosine.
    CHECK(std::abs(r.cosine * r.cosine + r.sine * r.sine - 1) < 4 * 0x1p-24f);
  }
}

TEST_CASE("angles in steps are multiples of the step, equally likely") {
  std::array<int, 4> seen{};
  for (std::uint32_t n = 0; n < draws; ++n) {
    drawn_rotation const r = draw(rotate{.step = 90}, {4, n, 0}, patch).first;
    CHECK(std::abs(r.cosine) + std::abs(r.sine) == 1);
    ++seen[r.cosine == 1 ? 0 : r.sine == 1 ? 1 : r.cosine == -1 ? 2 : 3];
  }
  // Five standard errors of a count with chance 1/4.
  for (int const count : seen) CHECK(std::abs(count - draws / 4) < 5 * std::sqrt(draws * 3. / 16));
}

TEST_CASE("shifts are uniform, along each axis of its own accord, and slices stay where there is but one") {
  auto const y = drawn_values(shift{.pixels = 7}, [](drawn_shift const& s) { return s.by.y; });
  auto const x = drawn_values(shift{.pixels = 7}, [](drawn_shift const& s) { return s.by.x; });
  CHECK(distance_from_uniform(y, -7, 7) < uniform_bound(draws));
  CHECK(distance_from_uniform(x, -7, 7) < uniform_bound(draws));
  CHECK(std::abs(correlation(x, y)) < 5 / std::sqrt(1. * draws));
  shift const deep{.pixels = 7, .slices = 2};
  auto const z = [](drawn_shift const& s) { return s.by.z; };
  CHECK(distance_from_uniform(drawn_values(deep, z, {8, 32, 32}), -2, 2) < uniform_bound(draws));
  CHECK(draw(deep, {1, 1, 1}, patch).first.by.z == 0);
}

TEST_CASE("whole shifts take each whole number equally often") {
  std::array<int, 5> seen{};
  for (float const v :
       drawn_values(shift{.pixels = 2.9f, .whole = true}, [](drawn_shift const& s) { return s.by.y; })) {
    REQUIRE(v == std::round(v));
    REQUIRE(std::abs(v) <= 2);
    ++seen[static_cast<std::size_t>(v + 2)];
  }
  for (int const count : seen) CHECK(std::abs(count - draws / 5) < 5 * std::sqrt(draws * 4. / 25));
}

TEST_CASE("mirrors happen with their probability, on each axis of its own accord") {
  int y = 0, x = 0, both = 0, z = 0;
  for (std::uint32_t n = 0; n < draws; ++n) {
    drawn_mirror const m = draw(mirror{.y = .5f, .x = .25f}, {4, n, 0}, patch).first;
    y += m.y, x += m.x, both += m.y && m.x, z += m.z;
  }
  CHECK(std::abs(y - draws / 2) < 5 * std::sqrt(draws / 4.));
  CHECK(std::abs(x - draws / 4) < 5 * std::sqrt(draws * 3. / 16));
  CHECK(std::abs(both - draws / 8) < 5 * std::sqrt(draws * 7. / 64));
  CHECK(z == 0);
}

TEST_CASE("the logarithm of the scale is uniform") {
  auto const values =
      drawn_values(scale{.from = .5f, .to = 3}, [](drawn_scale const& s) { return -std::log(s.inverse); });
  CHECK(distance_from_uniform(values, std::log(.5) - 1e-6, std::log(3.) + 1e-6) < uniform_bound(draws));
  drawn_scale const twice = draw(scale{.from = 2, .to = 2}, {1, 1, 1}, {1, 9, 9}).first;
  CHECK(twice.pull({0, 8, 0}).y == 6);
  CHECK(twice.pull({0, 8, 0}).x == 2);
}

TEST_CASE("gamma, slope, offset and noise are drawn as promised") {
  grey const map{.gamma = 2, .slope = 1.5f, .offset = .2f, .noise = .1f, .black = 10, .white = 20};
  double const bound = uniform_bound(draws), slack = 1e-6;
  auto const log_gamma = drawn_values(map, [](drawn_grey const& g) { return std::log(g.gamma); });
  auto const log_slope = drawn_values(map, [](drawn_grey const& g) { return std::log(g.slope); });
  CHECK(distance_from_uniform(log_gamma, -std::log(2.) - slack, std::log(2.) + slack) < bound);
  CHECK(distance_from_uniform(log_slope, -std::log(1.5) - slack, std::log(1.5) + slack) < bound);
  CHECK(distance_from_uniform(drawn_values(map, [](drawn_grey const& g) { return g.offset; }), -2.00001, 2.00001) <
        bound);
  CHECK(distance_from_uniform(drawn_values(map, [](drawn_grey const& g) { return g.noise; }), 0, 1.00001) < bound);
  CHECK(std::abs(correlation(log_gamma, log_slope)) < 5 / std::sqrt(1. * draws));
}

TEST_CASE("grey values follow the formula") {
  drawn_grey g{.gamma = 2, .slope = 1, .offset = 0, .noise = 0, .black = 10, .range = 20, .pixels = {}, .first = 0};
  CHECK(g.value(20, 0) == 15);  // half grey squared is a quarter
  CHECK(g.value(10, 0) == 10);
  CHECK(g.value(30, 0) == 30);
  CHECK(g.value(0, 0) == 5);  // below black the curve is the same, upside down
  g.slope = 3;
  CHECK(g.value(30, 0) == 50);
  CHECK(g.value(20, 0) == 5);
  g.offset = -1;
  CHECK(g.value(20, 0) == 4);
}

TEST_CASE("noise is Gaussian, different in every pixel, map and sample, and the same when asked again") {
  auto const with = [](random_key key, std::uint32_t place) {
    drawn_grey g = grey{.gamma = 1, .slope = 1, .offset = 0}.draw(map_random{key, place}, patch);
    g.noise = 2;
    std::vector<float> values;
    for (int i = 0; i < draws; ++i) values.push_back(g.value(0, i));
    return values;
  };
  auto const values = with({1, 2, 3}, 0);
  double sum = 0, squares = 0;
  for (float const v : values)
    sum += static_cast<double>(v) / 2, squares += static_cast<double>(v) * static_cast<double>(v) / 4;
  CHECK(std::abs(sum) < 5 * std::sqrt(1. * draws));
  CHECK(std::abs(squares - draws) < 5 * std::sqrt(2. * draws));
  CHECK(values == with({1, 2, 3}, 0));
  for (auto const& other : {with({1, 2, 3}, 1), with({1, 2, 4}, 0), with({1, 3, 3}, 0), with({2, 2, 3}, 0)})
    CHECK(std::abs(correlation(values, other)) < 5 / std::sqrt(1. * draws));
}
