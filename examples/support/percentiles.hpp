// Grey values of any depth brought to 0 … 1 by two of their percentiles.
#pragma once
#include <algorithm>
#include <cstddef>
#include <vector>

#include <oxbow/core/image.hpp>

namespace support {

/// The value that `share` of all values lie below.
inline float percentile(std::vector<float> values, double share) {
  if (values.empty()) return 0;
  auto const place = values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

/// low ↦ 0 and high ↦ 1, values beyond them likewise but for a few bright specks: at most `most`. A flat image becomes 0.
inline oxbow::image<float> scaled_by_percentiles(oxbow::image<float> from, double low = 0.01, double high = 0.998,
                                                 float most = 4) {
  float const black = percentile(from.data, low), white = percentile(from.data, high);
  float const scale = white > black ? 1 / (white - black) : 0;
  for (float& v : from.data) v = std::min(most, (v - black) * scale);
  return from;
}

}  // namespace support
