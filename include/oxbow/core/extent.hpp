// Sizes of images, and the tile as a type.
#pragma once
#include <cstdint>

#include <oxbow/core/portable.hpp>

namespace oxbow {

/// Size of an image, in pixels, along depth, height and width. A 2-D image has depth 1.
struct extent {
  int depth = 1, height = 1, width = 1;

  constexpr OXBOW_DEVICE int& operator[](int axis) { return axis == 0 ? depth : axis == 1 ? height : width; }
  constexpr OXBOW_DEVICE int operator[](int axis) const { return axis == 0 ? depth : axis == 1 ? height : width; }

  /// Pixels (voxels in 3-D).
  constexpr OXBOW_DEVICE std::int64_t volume() const { return std::int64_t{depth} * height * width; }

  /// Row-major number of the pixel at (z, y, x).
  constexpr OXBOW_DEVICE std::int64_t index(int z, int y, int x) const {
    return (std::int64_t{z} * height + y) * width + x;
  }

  constexpr OXBOW_DEVICE bool contains(int z, int y, int x) const {
    return z >= 0 && z < depth && y >= 0 && y < height && x >= 0 && x < width;
  }
  friend constexpr bool operator==(extent const&, extent const&) = default;
};

/// The one tile shape that a model sees. Two sizes make a 2-D network, three a 3-D network.
template <int... Sizes> struct tile;

template <int Height, int Width> struct tile<Height, Width> {
  static constexpr extent size{1, Height, Width};
  static constexpr int first_axis = 1;  ///< layers act on the axes first_axis … 2
};

template <int Depth, int Height, int Width> struct tile<Depth, Height, Width> {
  static constexpr extent size{Depth, Height, Width};
  static constexpr int first_axis = 0;
};

}  // namespace oxbow
