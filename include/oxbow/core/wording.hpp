// Sizes and places as they appear in the sentences of exceptions.
#pragma once
#include <cstdint>
#include <string>

#include <oxbow/core/extent.hpp>

namespace oxbow {

/// "3 x 512 x 512", or "512 x 512" where the depth is 1.
inline std::string size_text(extent e) {
  std::string const plane = std::to_string(e.height) + " x " + std::to_string(e.width);
  return e.depth == 1 ? plane : std::to_string(e.depth) + " x " + plane;
}

/// "(z 0, y 17, x 4)"
inline std::string place_text(int z, int y, int x) {
  return "(z " + std::to_string(z) + ", y " + std::to_string(y) + ", x " + std::to_string(x) + ")";
}

/// The place of pixel `index` in row-major order.
inline std::string place_text(extent size, std::int64_t index) {
  std::int64_t const plane = std::int64_t{size.height} * size.width;
  return place_text(static_cast<int>(index / plane), static_cast<int>(index % plane / size.width),
                    static_cast<int>(index % size.width));
}

}  // namespace oxbow
