// What lies beyond the border of an image: its mirror image.
#pragma once
#include <cstdint>

#include <oxbow/core/portable.hpp>

namespace oxbow {

/// The pixel in 0 … size − 1 that position `at` shows when the image is mirrored at its borders,
/// as often as it takes, without repeating the edge: … 2 1 | 0 1 … size−1 | size−2 …
/// needs  size ≥ 1; an axis of one pixel shows that pixel everywhere
/// source  Ronneberger et al. 2015, figure 2
constexpr OXBOW_DEVICE int mirrored(std::int64_t at, int size) {
  if (at >= 0 && at < size) return static_cast<int>(at);
  if (size == 1) return 0;
  std::int64_t const period = 2 * (std::int64_t{size} - 1);
  std::int64_t const phase = (at % period + period) % period;
  return static_cast<int>(phase < size ? phase : period - phase);
}

}  // namespace oxbow
