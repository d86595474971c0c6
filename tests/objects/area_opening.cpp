// Area openings, against pieces counted at every threshold.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include <oxbow/objects/area_opening.hpp>

#include "scenes.hpp"

using namespace oxbow;

TEST_CASE("above every threshold are the large pieces of what was above it") {
  std::uint32_t which = 0;
  for (extent const size : {extent{1, 1, 1}, extent{1, 1, 9}, extent{1, 7, 1}, extent{1, 13, 17}, extent{3, 5, 7}})
    for (auto const space : {across::slices, across::volume})
      for (int const levels : {2, 5, 200})
        for (std::int64_t const least : {1, 2, 3, 7, 20, 1000}) {
          auto const map = test::relief(size, levels, which++);
          auto const made = area_opening(map, least, space);
          std::int64_t const most = space == across::slices ? std::int64_t{size.height} * size.width : size.volume();
          REQUIRE(made.size == size);
          std::int64_t wrong = 0;
          for (int level = -1; level < levels; ++level) {
            float const threshold = (static_cast<float>(level) + 0.5f) / static_cast<float>(levels);
            auto const large = without_specks(test::above(map, threshold, space), std::min(least, most));
            for (std::size_t i = 0; i < made.data.size(); ++i)
              wrong += (made.data[i] > threshold) != (large.objects.data[i] != 0);
          }
          CHECK(wrong == 0);
        }
}

TEST_CASE("an opening is never above its map, changes nothing the second time, and takes only values of the map") {
  auto const map = test::relief({2, 23, 19}, 50, 90);
  for (std::int64_t const least : {-3, 0, 1}) CHECK(area_opening(map, least).data == map.data);
  for (std::int64_t const least : {2, 9, 40}) {
    auto const made = area_opening(map, least);
    CHECK(made.data != map.data);
    CHECK(area_opening(made, least).data == made.data);
    for (std::size_t i = 0; i < made.data.size(); ++i) {
      CHECK(made.data[i] <= map.data[i]);
      CHECK(std::ranges::find(map.data, made.data[i]) != map.data.end());
    }
  }
}

TEST_CASE("a map of several channels and values that are no numbers are turned away") {
  CHECK_THROWS_WITH(area_opening(image<float>({1, 2, 3}, 2), 4), doctest::Contains("2 channels"));
  image<float> map({2, 3, 4});
  map(1, 2, 3, 0) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(area_opening(map, 4), doctest::Contains("(z 1, y 2, x 3) is not a number"));
  map(1, 2, 3, 0) = -std::numeric_limits<float>::infinity();
  CHECK(area_opening(map, 1).data == map.data);
  CHECK(area_opening(image<float>({0, 0, 0}), 4).empty());
}
