// Components against a search that walks from pixel to pixel.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include <oxbow/objects/components.hpp>

#include "scenes.hpp"

using namespace oxbow;

namespace {

/// Flood fill, recursion replaced by a stack; neighbours found by looking at all 26 places.
instance_image flooded(extent size, std::vector<int> const& kind, neighbours which, across space) {
  instance_image made(size);
  std::int32_t count = 0;
  for (std::int64_t start = 0; start < size.volume(); ++start) {
    if (kind[static_cast<std::size_t>(start)] == 0 || made.data[static_cast<std::size_t>(start)] != 0) continue;
    ++count;
    std::vector<std::int64_t> open{start};
    made.data[static_cast<std::size_t>(start)] = count;
    while (!open.empty()) {
      std::int64_t const i = open.back();
      open.pop_back();
      int const z = static_cast<int>(i / (size.height * size.width)), y = static_cast<int>(i / size.width % size.height),
                x = static_cast<int>(i % size.width);
      for (int c = 0; c < 27; ++c) {
        int const dz = c / 9 - 1, dy = c / 3 % 3 - 1, dx = c % 3 - 1;
        int const apart = std::abs(dz) + std::abs(dy) + std::abs(dx);
        if (apart == 0 || (which == neighbours::faces && apart != 1) || (space == across::slices && dz != 0)) continue;
        if (!size.contains(z + dz, y + dy, x + dx)) continue;
        auto const j = static_cast<std::size_t>(size.index(z + dz, y + dy, x + dx));
        if (made.data[j] != 0 || kind[j] != kind[static_cast<std::size_t>(i)]) continue;
        made.data[j] = count;
        open.push_back(static_cast<std::int64_t>(j));
      }
    }
  }
  return made;
}

}  // namespace

TEST_CASE("components are those of a flood fill, numbered in the order of their first pixels") {
  std::uint32_t which = 0;
  for (extent const size : test::odd_sizes)
    for (auto const by : {neighbours::faces, neighbours::corners})
      for (auto const space : {across::slices, across::volume})
        for (int const classes : {2, 3}) {
          label_image const labels = test::speckle(size, classes, which++, true);
          std::vector<int> kind;
          for (std::uint8_t const c : labels.data) kind.push_back(c == 0 || c == ignored ? 0 : c);
          components const made = components_of(labels, by, space);
          instance_image const right = flooded(size, kind, by, space);
          CHECK(made.objects.data == right.data);
          CHECK(made.count == *std::max_element(right.data.begin(), right.data.end()));
        }
}

TEST_CASE("a spiral is one component, though its arms meet late") {
  label_image spiral({1, 7, 7});
  char const* const rows[] = {"1111111", "1000001", "1011101", "1010101", "1010001", "1011111", "1000000"};
  for (int y = 0; y < 7; ++y)
    for (int x = 0; x < 7; ++x) spiral(y, x) = rows[y][x] == '1';
  CHECK(components_of(spiral).count == 1);
}

TEST_CASE("an object in two parts becomes two, and classes are told apart") {
  instance_image objects({1, 1, 6});
  objects.data = {5, 5, 0, 5, 7, 7};
  CHECK(components_of(objects).objects.data == std::vector<std::int32_t>{1, 1, 0, 2, 3, 3});
}

TEST_CASE("another class than 0 may be background") {
  label_image labels({1, 1, 5});
  labels.data = {1, 0, 0, 1, 0};
  auto const made = components_of(labels, neighbours::faces, across::slices, 1);
  CHECK(made.objects.data == std::vector<std::int32_t>{0, 1, 1, 0, 2});
}

TEST_CASE("specks go, and the rest are numbered without gaps") {
  instance_image objects({1, 2, 4});
  objects.data = {1, 0, 2, 2, 0, 3, 0, 2};
  auto const kept = without_specks({objects, 3}, 2);
  CHECK(kept.count == 1);
  CHECK(kept.objects.data == std::vector<std::int32_t>{0, 0, 1, 1, 0, 0, 0, 1});
  CHECK(without_specks(components_of(label_image({1, 3, 3})), 1).count == 0);
}
