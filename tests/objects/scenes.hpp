// Random objects that the tests of this folder look at.
#pragma once
#include <algorithm>
#include <cstdint>

#include <oxbow/core/image.hpp>
#include <oxbow/core/random.hpp>
#include <oxbow/objects/components.hpp>

namespace oxbow::test {

/// Numbers 0 … objects in boxes over each other, some of them single pixels; 0 elsewhere.
inline instance_image boxes(extent size, int objects, std::uint32_t which) {
  instance_image made(size);
  random_stream const random{7, purpose::example_data, which};
  std::uint64_t next = 0;
  for (int o = 1; o <= objects; ++o) {
    extent from, to;
    for (int axis = 0; axis < 3; ++axis) {
      from[axis] = static_cast<int>(random.below(next++, static_cast<std::uint32_t>(size[axis])));
      to[axis] = std::min(size[axis], from[axis] + 1 +
                                          static_cast<int>(random.below(next++, static_cast<std::uint32_t>(
                                                                                    1 + size[axis] / 3))));
    }
    for (int z = from.depth; z < to.depth; ++z)
      for (int y = from.height; y < to.height; ++y)
        for (int x = from.width; x < to.width; ++x) made(z, y, x, 0) = o;
  }
  return made;
}

/// Classes 0 … classes − 1, and some ignored pixels, one by one.
inline label_image speckle(extent size, int classes, std::uint32_t which, bool with_ignored = false) {
  label_image made(size);
  random_stream const random{8, purpose::example_data, which};
  for (std::size_t i = 0; i < made.data.size(); ++i) {
    auto const drawn = random.below(i, static_cast<std::uint32_t>(classes) + (with_ignored ? 1 : 0));
    made.data[i] = drawn == static_cast<std::uint32_t>(classes) ? ignored : static_cast<std::uint8_t>(drawn);
  }
  return made;
}

/// Heights 0, 1/levels … (levels − 1)/levels, in blots: the highest of a few neighbours' draws.
inline image<float> relief(extent size, int levels, std::uint32_t which) {
  image<float> made(size);
  random_stream const random{10, purpose::example_data, which};
  for (std::size_t i = 0; i < made.data.size(); ++i) {
    std::uint32_t drawn = 0;
    for (std::size_t j = i; j < i + 3; ++j)
      drawn = std::max(drawn, random.below(j, static_cast<std::uint32_t>(levels)));
    made.data[i] = static_cast<float>(drawn) / static_cast<float>(levels);
  }
  return made;
}

/// What is above a threshold, in pieces that hang together by faces.
inline components above(image<float> const& map, float threshold, across space = across::slices) {
  return components_of(
      map.size, [&](std::int64_t i) { return map.data[static_cast<std::size_t>(i)] > threshold; }, neighbours::faces,
      space);
}

inline constexpr extent odd_sizes[] = {{1, 1, 1}, {1, 1, 9}, {1, 7, 1}, {1, 13, 17}, {3, 5, 7}, {4, 1, 6}};

}  // namespace oxbow::test
