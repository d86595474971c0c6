// Synthetic tissue: what the truth says of the picture.
#include <doctest/doctest.h>

#include <set>

#include "../../examples/support/cells.hpp"

using namespace support;

TEST_CASE("the distance to a set is the distance to its nearest pixel") {
  oxbow::random_stream const random{4, oxbow::purpose::example_data};
  std::uint32_t used = 0;
  for (extent const size : {extent{1, 1, 1}, extent{1, 1, 30}, extent{1, 17, 1}, extent{1, 23, 31}})
    for (float const share : {0.f, 0.02f, 0.5f}) {
      image<float> set(size);
      for (float& v : set.data) v = random.uniform(used++) < share ? 1.f : 0.f;
      image<float> const distance = distance_to(size, [&](int y, int x) { return set(y, x) > 0; });
      for (int y = 0; y < size.height; ++y)
        for (int x = 0; x < size.width; ++x) {
          int nearest = 1 << 30;
          for (int j = 0; j < size.height; ++j)
            for (int i = 0; i < size.width; ++i)
              if (set(j, i) > 0) nearest = std::min(nearest, (j - y) * (j - y) + (i - x) * (i - x));
          if (nearest == 1 << 30) CHECK(distance(y, x) > 1e5f);
          else CHECK(distance(y, x) == std::sqrt(static_cast<float>(nearest)));
        }
    }
}

TEST_CASE("blur keeps constants and means, and spreads a point into a Gaussian") {
  image<float> const flat({1, 9, 4}, 1, 3.f);
  for (float const v : blurred(flat, 2).data) CHECK(v == doctest::Approx(3).epsilon(1e-5));
  image<float> point({1, 41, 41});
  point(20, 20) = 1;
  image<float> const spot = blurred(point, 2);
  // Sampled densely against its width, a Gaussian sums to its integral within 1e-8; cutting it off at three
  // deviations leaves out 0.3 % per axis, by which all of it is scaled up.
  for (int y = 14; y <= 26; ++y)
    for (int x = 14; x <= 26; ++x) {
      float const r = static_cast<float>((y - 20) * (y - 20) + (x - 20) * (x - 20));
      CHECK(std::abs(spot(y, x) * 8 * 3.14159265f / std::exp(-r / 8) - 1) < 0.007f);
    }
}

TEST_CASE("equal options draw equal pictures; another seed or number draws another") {
  cell_options const options{.size = {1, 96, 131}, .seed = 5, .number = 2};
  cell_picture const one = draw_cells(options), again = draw_cells(options);
  CHECK(one.grey.data == again.grey.data);
  CHECK(one.instances.data == again.instances.data);
  CHECK(one.labels.data == again.labels.data);
  for (cell_options const other : {cell_options{.size = {1, 96, 131}, .seed = 6, .number = 2},
                                   cell_options{.size = {1, 96, 131}, .seed = 5, .number = 3}}) {
    cell_picture const different = draw_cells(other);
    CHECK(different.grey.data != one.grey.data);
    CHECK(different.instances.data != one.instances.data);
  }
}

TEST_CASE("pictures of any size from 1 x 1 have values in 0 ... 1 that a byte holds") {
  for (extent const size : {extent{1, 1, 1}, extent{1, 1, 77}, extent{1, 53, 2}, extent{1, 200, 301}}) {
    cell_picture const p = draw_cells({.size = size});
    CHECK(p.grey.size == size);
    CHECK(p.labels.size == size);
    CHECK(p.instances.size == size);
    for (float const v : p.grey.data) {
      float const steps = std::round(v * 255);
      REQUIRE(v == steps / 255);
      REQUIRE((steps >= 0 && steps <= 255));
    }
  }
}

TEST_CASE("cells are connected, apart from each other, and numbered without gaps; labels say the same") {
  extent const size{1, 300, 260};
  cell_picture const p = draw_cells({.size = size, .seed = 9});
  oxbow::instance_image again;
  std::int32_t const parts = detail::number_parts(
      size, 1, [&](int y, int x) { return p.instances(y, x) != 0; }, again);
  // Numbering the parts of all cells together gives the same numbers only if no two cells touch and none is in parts.
  CHECK(again.data == p.instances.data);
  std::set<std::int32_t> const numbers(p.instances.data.begin(), p.instances.data.end());
  CHECK(static_cast<std::int32_t>(numbers.size()) == parts + 1);
  CHECK(*numbers.rbegin() == parts);
  CHECK(parts > 10);
  for (std::size_t i = 0; i < p.labels.data.size(); ++i) REQUIRE(p.labels.data[i] == (p.instances.data[i] != 0));
}

TEST_CASE("membranes are a fifth of the picture or so, and no threshold finds them") {
  for (std::uint64_t const seed : {1u, 2u, 3u}) {
    cell_picture const p = draw_cells({.size = {1, 384, 384}, .seed = seed});
    double pixels[2] = {};
    double darker[2][257] = {};  // pixels of a class with a value below each threshold
    image<float> const soft = blurred(p.grey, 1.5f);
    for (std::size_t i = 0; i < p.labels.data.size(); ++i) {
      int const c = p.labels.data[i], v = static_cast<int>(soft.data[i] * 255);
      pixels[c] += 1;
      for (int t = v + 1; t <= 256; ++t) darker[c][t] += 1;
    }
    double const share = pixels[0] / (pixels[0] + pixels[1]);
    CHECK(share > 0.12);
    CHECK(share < 0.35);
    double best = 1, mean_dark = 0;
    for (int t = 0; t <= 256; ++t)
      best = std::min(best, (pixels[0] - darker[0][t] + darker[1][t]) / (pixels[0] + pixels[1]));
    for (int t = 1; t <= 256; ++t) mean_dark += darker[0][t] / pixels[0] - darker[1][t] / pixels[1];
    CHECK(best > 0.06);     // of all pixels, with the best threshold on the smoothed image
    CHECK(mean_dark > 30);  // yet membranes are darker, by grey values of 255
  }
}
