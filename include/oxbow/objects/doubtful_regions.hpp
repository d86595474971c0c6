// Small regions that nothing but a faint border makes regions of their own, given up.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/objects/area_opening.hpp>
#include <oxbow/objects/components.hpp>

namespace oxbow {

/// Which regions of a map are not believed.
struct doubtful_regions {
  float from = 0.5f;         ///< the lowest threshold at which any is given up
  float sure = 0.1f;         ///< what is still apart at this threshold is believed, whatever its size; at most `from`
  std::int64_t least = 300;  ///< pixels of a region that needs no proof
};

/// A map in which border is where, at a threshold, a small region lies that hangs together with a large one at the
/// threshold `sure`: the end of a cell that a shade cuts off is taken back, and not offered as a cell of its own; a
/// small cell whose border is sure all around stays. What is given up at a threshold is so at those above it. Below
/// `from`, and where every region is large or sure, the map is as it was.
///
/// shapes  one channel, the probability of the interior → the same size
/// throws  std::invalid_argument: more than one channel, a value that is not a number, `sure` above `from`
/// cost    n · log n
inline image<float> without_doubtful_regions(image<float> interior, doubtful_regions const& how = {},
                                             across space = across::slices) {
  if (!(how.sure <= how.from))
    throw std::invalid_argument("without_doubtful_regions: what is apart at " + std::to_string(how.sure) +
                                " is believed, and regions are given up from " + std::to_string(how.from) +
                                " on; the first must not be above the second.");
  image<float> const opened = area_opening(interior, how.least, space);
  auto const together = components_of(
      interior.size, [&](std::int64_t i) { return interior.data[static_cast<std::size_t>(i)] > how.sure; },
      neighbours::faces, space);
  // Up to where what hangs together at `sure` has a large region. What is not above `sure` no level below reaches.
  std::vector<float> large(static_cast<std::size_t>(together.count) + 1, -std::numeric_limits<float>::infinity());
  auto const large_of = [&](std::size_t i) -> float& {
    return large[static_cast<std::size_t>(together.objects.data[i])];
  };
  for (std::size_t i = 0; i < opened.data.size(); ++i) large_of(i) = std::max(large_of(i), opened.data[i]);
  for (std::size_t i = 0; i < opened.data.size(); ++i)
    if (float const level = std::max(opened.data[i], how.from); large_of(i) > level)
      interior.data[i] = std::min(interior.data[i], level);
  return interior;
}

}  // namespace oxbow
