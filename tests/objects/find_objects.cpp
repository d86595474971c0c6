// Objects found in maps of probabilities.
#include <doctest/doctest.h>

#include <cmath>

#include <oxbow/objects/find_objects.hpp>

#include "scenes.hpp"

using namespace oxbow;

namespace {

/// Discs of probability .9, .1 elsewhere.
image<float> discs(extent size, std::vector<std::array<double, 3>> const& all) {
  image<float> made(size, 1, 0.1f);
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x)
      for (auto const& [cy, cx, r] : all)
        if (std::hypot(y - cy, x - cx) <= r) made(y, x) = 0.9f;
  return made;
}

}  // namespace

TEST_CASE("a threshold alone gives the components of what is above it") {
  for (extent const size : test::odd_sizes) {
    label_image const labels = test::speckle(size, 2, 31);
    image<float> p(size);
    for (std::size_t i = 0; i < p.data.size(); ++i) p.data[i] = labels.data[i] ? 0.6f : 0.5f;
    auto const found = find_objects(p), right = components_of(labels);
    CHECK(found.objects.data == right.objects.data);
    CHECK(found.count == right.count);
  }
}

TEST_CASE("two discs that overlap are parted at their waist, each pixel going to the nearer middle") {
  extent const size{1, 41, 57};
  auto const p = discs(size, {{20, 17, 11}, {20, 36, 11}});
  CHECK(find_objects(p).count == 1);
  auto const found = find_objects(p, {.apart = 7});
  CHECK(found.count == 2);
  // The waist lies at x = 26.5; a flood of whole steps may be off by a pixel there.
  bool right = true;
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x) {
      std::int32_t const o = found.objects(y, x);
      right = right && (o != 0) == (p(y, x) > 0.5f);
      if (o != 0 && std::abs(x - 26.5) > 1) right = right && o == (x < 26 ? found.objects(20, 17) : found.objects(20, 36));
    }
  CHECK(right);
}

TEST_CASE("an object too thin for a core is kept whole, and specks go where they are not wanted") {
  auto const p = discs({1, 31, 60}, {{15, 12, 9}, {15, 40, 2}, {3, 55, 0.5}});
  CHECK(find_objects(p, {.apart = 4}).count == 3);
  CHECK(find_objects(p, {.apart = 4, .smallest = 2}).count == 2);
  CHECK(find_objects(p, {.smallest = 50}).count == 1);
}

TEST_CASE("markers above a second threshold grow to the first one") {
  image<float> p({1, 1, 9});
  p.data = {0.6f, 0.9f, 0.7f, 0.6f, 0.65f, 0.9f, 0.6f, 0.2f, 0.6f};
  auto const found = find_objects(p, {.threshold = 0.5f, .marker = 0.8f});
  CHECK(found.objects.data == std::vector<std::int32_t>{1, 1, 1, 1, 2, 2, 2, 0, 0});
}

TEST_CASE("every pixel of a watershed hangs together with its marker, in images and volumes") {
  std::uint32_t which = 0;
  for (extent const size : test::odd_sizes)
    for (auto const space : {across::slices, across::volume}) {
      instance_image markers = test::boxes(size, 5, which);
      image<float> height(size);
      random_stream const random{2, purpose::example_data, which++};
      for (std::size_t i = 0; i < height.data.size(); ++i) height.data[i] = random.uniform(i);
      auto const grown = watershed(markers, height, 0.3f, space);
      instance_image mask(size);
      bool kept = true, floor = true;
      for (std::size_t i = 0; i < grown.data.size(); ++i) {
        if (markers.data[i] != 0) kept = kept && grown.data[i] == markers.data[i];
        else floor = floor && (grown.data[i] == 0 || height.data[i] > 0.3f);
        mask.data[i] = markers.data[i] != 0 || height.data[i] > 0.3f;
      }
      CHECK(kept);
      CHECK(floor);
      // What a component of markers and ground above the floor holds is taken if it holds a marker, and else is not.
      auto const ground = components_of(mask, neighbours::faces, space);
      std::vector<char> reached(static_cast<std::size_t>(ground.count) + 1, 0);
      for (std::size_t i = 0; i < mask.data.size(); ++i)
        if (markers.data[i] != 0) reached[static_cast<std::size_t>(ground.objects.data[i])] = 1;
      bool all = true;
      for (std::size_t i = 0; i < mask.data.size(); ++i)
        if (mask.data[i] != 0)
          all = all && (grown.data[i] != 0) == (reached[static_cast<std::size_t>(ground.objects.data[i])] != 0);
      CHECK(all);
    }
}

TEST_CASE("maps without objects give none, and options that make no sense a sentence") {
  CHECK(find_objects(image<float>({1, 5, 7})).count == 0);
  CHECK(find_objects(image<float>({1, 5, 7}), {.apart = 2}).count == 0);
  CHECK(find_objects(image<float>({1, 5, 7}, 1, 1.f), {.apart = 2}).count == 1);
  CHECK_THROWS_WITH_AS(find_objects(image<float>({1, 2, 2}, 2)),
                       "find_objects: the probabilities have 2 channels; give those of one class alone.",
                       std::invalid_argument);
  CHECK_THROWS_AS(find_objects(image<float>({1, 2, 2}), {.threshold = 0.5f, .marker = 0.4f}), std::invalid_argument);
  CHECK_THROWS_AS(find_objects(image<float>({1, 2, 2}), {.marker = std::nanf("")}), std::invalid_argument);
}
