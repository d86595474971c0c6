// The elastic field against its definition.
#include <doctest/doctest.h>

#include <oxbow/augment/elastic.hpp>

#include "common.hpp"

using namespace oxbow;
using namespace oxbow::test;

namespace {

/// The cubic convolution kernel in its usual form, in double.
double keys(double s) {
  s = std::abs(s);
  return s < 1 ? (1.5 * s - 2.5) * s * s + 1 : s < 2 ? ((-0.5 * s + 2.5) * s - 4) * s + 2 : 0;
}

/// A node of a grid of `nodes` per axis, or beyond it, continued in straight lines axis by axis.
template <class At> double continued(At const& at, int const (&nodes)[3], int z, int y, int x, int axis = 0) {
  int place[3] = {z, y, x};
  if (axis == 3) return static_cast<double>(at(z, y, x));
  int const last = nodes[axis] - 1;
  auto const with = [&](int i) {
    place[axis] = i;
    return continued(at, nodes, place[0], place[1], place[2], axis + 1);
  };
  if (place[axis] >= 0 && place[axis] <= last) return with(place[axis]);
  if (last == 0) return with(0);
  return place[axis] < 0 ? 2 * with(0) - with(1) : 2 * with(last) - with(last - 1);
}

/// Sum over the whole grid and one ring around it of node · kernel.
template <class At> double oracle(At const& at, int const (&nodes)[3], extent tile, double const (&place)[3]) {
  double u[3];
  for (int axis = 0; axis < 3; ++axis) {
    double const pixels = tile[axis] - 1, p = std::clamp(place[axis], 0., pixels);
    u[axis] = pixels > 0 ? p / pixels * (nodes[axis] - 1) : 0;
  }
  double sum = 0;
  for (int k = -1; k <= nodes[0]; ++k)
    for (int j = -1; j <= nodes[1]; ++j)
      for (int i = -1; i <= nodes[2]; ++i)
        if (double const w = keys(u[0] - k) * keys(u[1] - j) * keys(u[2] - i); w != 0)
          sum += w * continued(at, nodes, k, j, i);
  return sum;
}

void check_against_oracle(elastic const& map, extent tile, float reach) {
  drawn_elastic const field = draw(map, {11, 5, 2}, tile).first;
  int const nodes[3] = {field.layers, field.grid, field.grid};
  float largest = 0;
  for (int n = 0; n < field.layers * field.grid * field.grid; ++n)
    largest = std::max({largest, std::abs(field.z[n]), std::abs(field.y[n]), std::abs(field.x[n])});
  // With e = 2^-24: a weight along an axis carries at most 8 e, folded weights sum to at most 1.5 in size, so three
  // axes and 64 additions give (24 + 3 + 64)·1.5³·e < 310 e times the largest node. A place among at
  // most 11 nodes is off by 2·11 e, and the field is no steeper than 4·1.5² < 9 times the largest node per axis:
  // 3·22·9 e < 600 e. Together below 910 e of the largest node.
  double const bound = 910 * 0x1p-24 * static_cast<double>(largest);
  random_stream const random{1, purpose::example_data};
  double worst = 0;
  for (std::uint32_t n = 0; n < 400; ++n) {
    auto const anywhere = [&](std::uint32_t axis, int size) {
      return tile[static_cast<int>(axis)] == 1 ? 0.f
                                               : random.uniform(3 * n + axis, -reach, static_cast<float>(size) + reach);
    };
    position const at{anywhere(0, tile.depth), anywhere(1, tile.height), anywhere(2, tile.width)};
    position const got = field.displacement(at);
    double const place[3] = {at.z, at.y, at.x};
    auto const expected = [&](float const* component) {
      return oracle([&](int z, int y, int x) { return component[(z * field.grid + y) * field.grid + x]; }, nodes, tile,
                    place);
    };
    worst = std::max({worst, std::abs(got.y - expected(field.y)), std::abs(got.x - expected(field.x)),
                      std::abs(got.z - expected(field.z))});
  }
  CHECK(worst <= bound);
}

}  // namespace

TEST_CASE("the displacement is the bicubic interpolation of the nodes, inside the tile and beyond") {
  for (int const grid : {1, 2, 3, 4, 7, 11})
    for (extent const tile : {extent{1, 572, 572}, extent{1, 33, 50}, extent{1, 2, 3}, extent{1, 1, 40}}) {
      CAPTURE(grid);
      CAPTURE(tile.width);
      check_against_oracle({.grid = grid}, tile, 100);
    }
}

TEST_CASE("in a volume the displacement is tricubic and has a part along depth") {
  for (int const layers : {1, 2, 3, 5}) check_against_oracle({.layers = layers, .sigma_depth = 3}, {9, 33, 50}, 20);
  drawn_elastic const flat = draw(elastic{.sigma_depth = 3}, {1, 1, 1}, {1, 30, 30}).first;
  CHECK(flat.layers == 1);
  CHECK(flat.displacement({0, 12, 17}).z == 0);
}

TEST_CASE("nodes are met exactly, and a field linear in the nodes is linear everywhere") {
  drawn_elastic field = draw(elastic{.grid = 5}, {1, 2, 3}, {1, 65, 33}).first;
  for (int j = 0; j < 5; ++j)
    for (int i = 0; i < 5; ++i) {
      position const by = field.displacement({0, 16.f * static_cast<float>(j), 8.f * static_cast<float>(i)});
      CHECK(by.y == field.y[5 * j + i]);
      CHECK(by.x == field.x[5 * j + i]);
    }
  for (int n = 0; n < 25; ++n) field.y[n] = static_cast<float>(16 * (n / 5) - 8 * (n % 5));
  for (float const y : {0.f, 3.25f, 31.f, 60.5f, 64.f})
    for (float const x : {0.f, 7.75f, 20.f, 32.f}) {
      // 16 terms of at most 64·1.5² each, each rounded a few times: below 16·8·144·2^-24 < 2e-3
      CHECK(std::abs(field.displacement({0, y, x}).y - (y - x)) < 2e-3f);
    }
}

TEST_CASE("displacements of nodes are Gaussian with the given deviation and do not depend on each other") {
  constexpr int draws = 3000, values = draws * 18;
  double sum = 0, squares = 0, fourth = 0, along = 0;
  for (std::uint32_t step = 0; step < draws; ++step) {
    drawn_elastic const field = draw(elastic{.grid = 3, .sigma = 10}, {5, step, 0}, {1, 64, 64}).first;
    for (int n = 0; n < 9; ++n) {
      double const y = static_cast<double>(field.y[n]) / 10, x = static_cast<double>(field.x[n]) / 10;
      sum += y + x;
      squares += y * y + x * x;
      fourth += y * y * y * y + x * x * x * x;
      along += y * x + y * static_cast<double>(field.y[(n + 1) % 9]) / 10;
    }
  }
  // Five standard errors each. Variances for a standard normal: of x 1, of x² 2, of x⁴ 105 − 9 = 96, of a product 1.
  CHECK(std::abs(sum) < 5 * std::sqrt(1. * values));
  CHECK(std::abs(squares - values) < 5 * std::sqrt(2. * values));
  CHECK(std::abs(fourth - 3. * values) < 5 * std::sqrt(96. * values));
  CHECK(std::abs(along) < 5 * std::sqrt(1. * values));
}
