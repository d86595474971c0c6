// Small regions with faint borders, against what the words say threshold by threshold.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include <oxbow/objects/doubtful_regions.hpp>

#include "scenes.hpp"

using namespace oxbow;

namespace {

/// Which pixels are above `threshold` where doubtful regions have been given up at the thresholds halfway between two
/// levels of the map that lie in [from, threshold], and at `from`.
std::vector<bool> by_the_words(image<float> const& map, int levels, doubtful_regions const& how, float threshold,
                               across space) {
  auto const together = test::above(map, how.sure, space).objects;
  std::vector<bool> kept(map.data.size());
  for (std::size_t i = 0; i < kept.size(); ++i) kept[i] = map.data[i] > threshold;
  std::vector<float> thresholds{how.from};
  for (int level = 0; level < levels; ++level)
    thresholds.push_back((static_cast<float>(level) + 0.5f) / static_cast<float>(levels));
  for (float const t : thresholds) {
    if (t < how.from || t > threshold) continue;
    auto const regions = test::above(map, t, space);
    auto const large = without_specks(regions, how.least).objects;
    std::vector<bool> has_large(map.data.size() + 1, false);  // by number of what hangs together at `sure`
    for (std::size_t i = 0; i < kept.size(); ++i)
      if (large.data[i] != 0) has_large[static_cast<std::size_t>(together.data[i])] = true;
    for (std::size_t i = 0; i < kept.size(); ++i) {
      bool const small = regions.objects.data[i] != 0 && large.data[i] == 0;
      if (small && has_large[static_cast<std::size_t>(together.data[i])]) kept[i] = false;
    }
  }
  return kept;
}

}  // namespace

TEST_CASE("a region is given up where it is small and hangs together with a large one at the sure threshold") {
  std::uint32_t which = 0;
  std::int64_t given_up = 0, stayed = 0;
  for (extent const size : {extent{1, 1, 1}, extent{1, 1, 9}, extent{1, 7, 1}, extent{1, 23, 17}, extent{3, 9, 11}})
    for (auto const space : {across::slices, across::volume})
      for (int const levels : {4, 20})
        for (doubtful_regions const how :
             {doubtful_regions{.from = 0.49f, .sure = 0.12f, .least = 3},
              doubtful_regions{.from = 0.3f, .sure = 0.3f, .least = 6},
              doubtful_regions{.from = 0.62f, .sure = 0.2f, .least = 9},
              doubtful_regions{.from = 0.5f, .sure = 0.25f, .least = 3},  // thresholds that are levels of the map
              doubtful_regions{.from = 0.1f, .sure = 0.01f, .least = 4}}) {
          auto const map = test::relief(size, levels, which++);
          auto const made = without_doubtful_regions(map, how, space);
          std::int64_t wrong = 0;
          for (int level = -1; level < levels; ++level) {
            float const t = (static_cast<float>(level) + 0.5f) / static_cast<float>(levels);
            auto const right = by_the_words(map, levels, how, t, space);
            for (std::size_t i = 0; i < right.size(); ++i) {
              wrong += (made.data[i] > t) != right[i];
              if (map.data[i] > t && t > how.from) ++(right[i] ? stayed : given_up);
            }
          }
          CHECK(wrong == 0);
        }
  CHECK(given_up > 100);
  CHECK(stayed > 100);
}

TEST_CASE("the cut end of a cell is taken back, a small cell with a sure border stays") {
  image<float> map({1, 20, 60}, 1, 0.02f);
  for (int y = 2; y < 18; ++y)
    for (int x = 2; x < 40; ++x) map(y, x) = x >= 34 && x < 36 ? 0.4f : 0.9f;  // a shade across a cell
  for (int y = 8; y < 12; ++y)
    for (int x = 50; x < 54; ++x) map(y, x) = 0.9f;
  auto const made = without_doubtful_regions(map, {.from = 0.5f, .sure = 0.1f, .least = 100});
  CHECK(test::above(map, 0.5f).count == 3);
  CHECK(test::above(made, 0.5f).count == 2);
  CHECK(made(10, 38) <= 0.5f);
  CHECK(made(10, 10) == 0.9f);
  CHECK(made(10, 52) == 0.9f);
  CHECK(test::above(made, 0.3f).objects.data == test::above(map, 0.3f).objects.data);  // the end is part of its cell
  for (float& v : map.data) v = v == 0.4f ? 0.09f : v;  // a border that is sure
  CHECK(without_doubtful_regions(map, {.from = 0.5f, .sure = 0.1f, .least = 100}).data == map.data);
}

TEST_CASE("what cannot be is turned away") {
  image<float> map({1, 4, 5}, 1, 0.5f);
  CHECK_THROWS_WITH(without_doubtful_regions(map, {.from = 0.2f, .sure = 0.3f}), doctest::Contains("must not be above"));
  CHECK_THROWS(without_doubtful_regions(map, {.sure = std::numeric_limits<float>::quiet_NaN()}));
  CHECK_THROWS(without_doubtful_regions(image<float>({1, 4, 5}, 2)));
  map(1, 1) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS(without_doubtful_regions(map));
  CHECK(without_doubtful_regions(image<float>({0, 0, 0})).empty());
}
