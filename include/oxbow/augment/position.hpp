// Positions between pixels.
#pragma once
#include <cmath>

#include <oxbow/core/extent.hpp>
#include <oxbow/core/portable.hpp>

namespace oxbow {

/// A place between pixels, in pixels from the centre of a tile's first pixel.
struct position {
  float z = 0, y = 0, x = 0;
};

/// The middle of a tile, which rotations, scales and mirrors keep in place: exact, as it is a multiple of 1/2.
constexpr OXBOW_DEVICE position middle(extent tile) {
  return {static_cast<float>(tile.depth - 1) * 0.5f, static_cast<float>(tile.height - 1) * 0.5f,
          static_cast<float>(tile.width - 1) * 0.5f};
}

/// A coordinate as a pixel and the way on towards the next, in 0 … 1.
struct split_coordinate {
  int pixel;
  float fraction;
};

/// Coordinates further away than 2^30 pixels, and such as are not numbers, are brought back to that bound, so that
/// no map, however wild, makes a read outside the source.
inline OXBOW_DEVICE split_coordinate split(float coordinate) {
  constexpr float bound = 0x1p30f;
  if (!(coordinate > -bound)) return {-(1 << 30), 0.f};
  if (!(coordinate < bound)) return {1 << 30, 0.f};
  float const floor = std::floor(coordinate);
  return {static_cast<int>(floor), coordinate - floor};
}

}  // namespace oxbow
