// A map of membranes put in order.
#pragma once
#include <algorithm>
#include <cstddef>
#include <utility>

#include <oxbow/objects/closed_borders.hpp>
#include <oxbow/objects/doubtful_regions.hpp>
#include <oxbow/objects/smooth.hpp>

namespace support {

/// The probability of interior smoothed, so that borders keep about their width, with lines where its regions are kept
/// apart, and without the small regions that only a faint border keeps apart.
inline oxbow::image<float> in_order(oxbow::image<float> const& interior) {
  oxbow::image<float> made = oxbow::smooth(interior, 2);
  oxbow::image<float> const lines = oxbow::closed_borders(interior);
  for (std::size_t i = 0; i < made.data.size(); ++i) made.data[i] = std::min(made.data[i], lines.data[i]);
  return oxbow::without_doubtful_regions(std::move(made));
}

}  // namespace support
