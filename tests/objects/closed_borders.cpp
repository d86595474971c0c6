// Borders that close, against a joining that counts everything anew at each step.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include <oxbow/objects/closed_borders.hpp>

#include "scenes.hpp"

using namespace oxbow;

namespace {

/// Values between 0 and 1, no two alike.
image<float> grain(extent size, std::uint32_t which) {
  image<float> made(size);
  random_stream const random{9, purpose::example_data, which};
  for (std::size_t i = 0; i < made.data.size(); ++i)
    made.data[i] = (static_cast<float>(random.below(i, 1000)) + static_cast<float>(i) / 1000) / 1001;
  return made;
}

/// f(i, j) for each two pixels that share a face.
template <class F> void each_face(extent size, across space, F&& f) {
  for (std::int64_t i = 0; i < size.volume(); ++i) {
    auto const x = i % size.width, y = i / size.width % size.height, z = i / size.width / size.height;
    if (x + 1 < size.width) f(static_cast<std::size_t>(i), static_cast<std::size_t>(i + 1));
    if (y + 1 < size.height) f(static_cast<std::size_t>(i), static_cast<std::size_t>(i + size.width));
    if (z + 1 < size.depth && space == across::volume)
      f(static_cast<std::size_t>(i), static_cast<std::size_t>(i + size.width * size.height));
  }
}

/// needs  no two values alike
image<float> closed_slowly(image<float> const& p, across space) {
  instance_image region(p.size);
  std::vector<bool> top(p.data.size(), true);
  each_face(p.size, space, [&](std::size_t i, std::size_t j) { top[p.data[i] < p.data[j] ? i : j] = false; });
  for (std::size_t i = 0; i < top.size(); ++i) region.data[i] = top[i] ? static_cast<std::int32_t>(i) + 1 : 0;
  region = watershed(std::move(region), p, -1, space);

  image<float> made(p.size);
  std::fill(made.data.begin(), made.data.end(), 1.f);
  for (double level = 1;;) {
    struct mean { double sum = 0, count = 0; };
    std::map<std::int32_t, mean> inside;
    std::map<std::pair<std::int32_t, std::int32_t>, mean> along;
    for (std::size_t i = 0; i < p.data.size(); ++i)
      inside[region.data[i]].sum += static_cast<double>(p.data[i]), ++inside[region.data[i]].count;
    each_face(p.size, space, [&](std::size_t i, std::size_t j) {
      if (region.data[i] == region.data[j]) return;
      auto& m = along[std::minmax({region.data[i], region.data[j]})];
      m.sum += static_cast<double>(std::min(p.data[i], p.data[j])), ++m.count;
    });
    if (along.empty()) return made;
    std::pair<std::int32_t, std::int32_t> next;
    double most = -1;
    for (auto const& [pair, m] : along) {
      auto const value = [](mean const& of) { return of.sum / of.count; };
      double const ratio = value(m) / std::min(value(inside[pair.first]), value(inside[pair.second]));
      if (ratio > most) most = ratio, next = pair;
    }
    level = std::min(level, most);
    each_face(p.size, space, [&](std::size_t i, std::size_t j) {
      if (std::minmax({region.data[i], region.data[j]}) != next) return;
      float& m = made.data[p.data[i] < p.data[j] ? i : j];
      m = std::min(m, static_cast<float>(level));
    });
    std::replace(region.data.begin(), region.data.end(), next.second, next.first);
  }
}

}  // namespace

TEST_CASE("regions join as they do when every mean is counted anew") {
  std::uint32_t which = 0;
  for (extent const size : {extent{1, 1, 1}, extent{1, 1, 9}, extent{1, 7, 1}, extent{1, 13, 17}, extent{3, 5, 7}})
    for (auto const space : {across::slices, across::volume})
      for (int time = 0; time < 3; ++time) {
        auto const p = grain(size, which++);
        auto const made = closed_borders(p, space), right = closed_slowly(p, space);
        double worst = 0;
        for (std::size_t i = 0; i < made.data.size(); ++i)
          worst = std::max(worst, static_cast<double>(std::abs(made.data[i] - right.data[i])));
        CHECK(worst < 1e-6);
      }
}

TEST_CASE("a wall with a gap parts two cells and a shade across a cell does not, which no threshold can do") {
  image<float> p({1, 21, 41}, 1, 0.05f);
  for (int y = 1; y < 20; ++y)
    for (int x = 1; x < 40; ++x) p(y, x) = x == 20 ? 0.1f : x == 10 ? 0.45f : 0.9f;
  p(7, 20) = 0.8f;
  for (int percent = 0; percent < 100; ++percent) {
    auto const parts = test::above(p, static_cast<float>(percent) / 100);
    bool const apart = parts.objects(10, 15) != parts.objects(10, 30),
               whole = parts.objects(10, 5) != 0 && parts.objects(10, 5) == parts.objects(10, 15);
    CHECK(!(apart && whole));
  }
  auto const parts = test::above(closed_borders(p), 0.3f);
  CHECK(parts.objects(10, 15) != parts.objects(10, 30));
  CHECK(parts.objects(10, 5) == parts.objects(10, 15));
  CHECK(parts.objects(10, 25) == parts.objects(10, 35));
}

TEST_CASE("lines have the same levels where all is half as sure") {
  for (std::uint32_t which = 0; which < 4; ++which) {
    auto p = grain({2, 23, 19}, 100 + which);
    auto const made = closed_borders(p);
    for (float& v : p.data) v /= 2;
    CHECK(closed_borders(p).data == made.data);
    CHECK(std::count(made.data.begin(), made.data.end(), 1.f) < std::ssize(made.data));
  }
}

TEST_CASE("a stack is its slices, and a map without heights has no lines") {
  auto const stack = grain({3, 11, 9}, 50);
  auto const made = closed_borders(stack);
  for (int z = 0; z < 3; ++z) {
    image<float> slice({1, 11, 9});
    std::copy_n(stack.data.begin() + z * 99, 99, slice.data.begin());
    auto const alone = closed_borders(slice);
    CHECK(std::equal(alone.data.begin(), alone.data.end(), made.data.begin() + z * 99));
  }
  for (float const v : {0.f, 0.4f, 1.f}) {
    image<float> const flat({2, 5, 6}, 1, v);
    CHECK(closed_borders(flat).data == std::vector<float>(60, 1.f));
  }
}

TEST_CASE("what is no map of probabilities is named") {
  CHECK_THROWS_WITH_AS(closed_borders(image<float>({1, 2, 2}, 3)),
                       "closed_borders: the probabilities have 3 channels; give those of one class alone.",
                       std::invalid_argument);
  image<float> p({1, 2, 3}, 1, 0.5f);
  p(1, 2) = 1.5f;
  CHECK_THROWS_WITH_AS(closed_borders(p),
                       "closed_borders: the value at (z 0, y 1, x 2) is 1.500000; probabilities are between 0 and 1.",
                       std::invalid_argument);
  p(1, 2) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(closed_borders(p), std::invalid_argument);
}
