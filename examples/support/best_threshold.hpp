// How good one grey value would have been at telling two classes apart.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <oxbow/core/image.hpp>

namespace support {

/// What a threshold on grey values makes of an image: the one with the fewest wrong pixels, chosen with the truth in
/// hand, bright or dark for class 1. No threshold on this image can do better; a network should.
inline oxbow::label_image best_threshold(oxbow::image<float> const& grey, oxbow::label_image const& truth) {
  struct pixel {
    float value;
    int step;  ///< what counting errors of "class 1 lies above" gains when the threshold passes this pixel
  };
  std::vector<pixel> sorted;
  std::int64_t ones = 0;
  for (std::size_t i = 0; i < truth.data.size(); ++i) {
    if (truth.data[i] == oxbow::ignored) continue;
    sorted.push_back({grey.data[i], truth.data[i] == 1 ? 1 : -1});
    ones += truth.data[i] == 1;
  }
  std::sort(sorted.begin(), sorted.end(), [](pixel const& a, pixel const& b) { return a.value < b.value; });
  auto const all = static_cast<std::int64_t>(sorted.size());
  // Wrong pixels while everything is above the threshold, and everything is class 1.
  std::int64_t wrong = all - ones, best = std::min(wrong, all - wrong);
  float level = sorted.empty() ? 0 : sorted.front().value;
  bool above = sorted.empty() || wrong <= all - wrong;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    wrong += sorted[i].step;
    if (i + 1 < sorted.size() && sorted[i + 1].value == sorted[i].value) continue;
    if (std::min(wrong, all - wrong) >= best) continue;
    best = std::min(wrong, all - wrong);
    above = wrong <= all - wrong;
    // Beyond the last value lies nothing: a threshold there gives all pixels one class.
    level = i + 1 < sorted.size() ? sorted[i + 1].value : sorted[i].value + 1;
  }
  oxbow::label_image labels(grey.size);
  for (std::size_t i = 0; i < labels.data.size(); ++i) labels.data[i] = (grey.data[i] >= level) == above;
  return labels;
}

}  // namespace support
