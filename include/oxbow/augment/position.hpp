// Positions between pixels.
#pragma once
#include <oxbow/core/elementary.hpp>
#include <oxbow/core/extent.hpp>
#include <oxbow/core/lanes.hpp>
#include <oxbow/core/portable.hpp>

namespace oxbow {

/// A place between pixels, in pixels from the centre of a tile's first pixel.
struct position {
  float z = 0, y = 0, x = 0;
};

/// Several places side by side.
template <int Count> struct positions {
  lanes<float, Count> z, y, x;
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
  float const c = brought_within(coordinate, 0x1p30f);
  int const floor = floor_of(c);
  return {floor, c - static_cast<float>(floor)};
}

}  // namespace oxbow
