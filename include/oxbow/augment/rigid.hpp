// Shift, rotation, mirror and scale: the maps with a handful of numbers.
#pragma once
#include <cmath>

#include <oxbow/augment/pipeline.hpp>

namespace oxbow {

struct drawn_shift {
  position by;
  OXBOW_DEVICE position pull(position at) const { return {at.z - by.z, at.y - by.y, at.x - by.x}; }
};

/// Moves the image by a uniform number of pixels in ±pixels along height and width and ±slices along depth.
struct shift {
  float pixels = 16;
  float slices = 0;
  bool whole = false;  ///< whole pixels only: nothing is interpolated

  drawn_shift draw(map_random const& random, extent tile) const {
    detail::require(pixels >= 0, "shift: pixels must be 0 or more", pixels);
    detail::require(slices >= 0, "shift: slices must be 0 or more", slices);
    auto const along = [&](std::uint32_t index, float reach) {
      if (!whole) return random.uniform(index, -reach, reach);
      // 2·floor(reach) + 1 equally likely whole numbers
      float const most = std::floor(reach);
      return std::fmin(std::floor(random.uniform(index, -most, most + 1)), most);
    };
    return {{tile.depth > 1 ? along(2, slices) : 0.f, along(0, pixels), along(1, pixels)}};
  }
};

struct drawn_rotation {
  float cosine, sine;
  position centre;
  OXBOW_DEVICE position pull(position at) const {
    float const y = at.y - centre.y, x = at.x - centre.x;
    return {at.z, centre.y + (cosine * y - sine * x), centre.x + (sine * y + cosine * x)};
  }
};

/// Turns the image within each slice about the tile's middle, by a uniform angle in degrees, clockwise as seen.
/// Multiples of 90 degrees are exact: in a square tile they hit the centres of pixels.
struct rotate {
  float from = 0, to = 360;
  float step = 0;  ///< only multiples of it counted from `from`, below `to`; 0: any angle

  drawn_rotation draw(map_random const& random, extent tile) const {
    detail::require(to >= from, "rotate: to must be at least from", to);
    detail::require(step >= 0, "rotate: step must be 0 or more", step);
    float degrees = random.uniform(0, from, to);
    if (step > 0) degrees = from + step * std::floor((degrees - from) / step);
    // The sine of an angle is taken after whole quarter turns are split off, which are exchanges of the axes.
    float const quarter = std::round(degrees / 90.f), rest = (degrees - 90.f * quarter) * 0.017453292519943295f;
    float const c = std::cos(rest), s = std::sin(rest);
    int const turns = static_cast<int>(std::fmod(quarter, 4.f)) & 3;
    float const cosine[] = {c, -s, -c, s}, sine[] = {s, c, -s, -c};
    return {cosine[turns], sine[turns], middle(tile)};
  }
};

struct drawn_mirror {
  bool z, y, x;
  position centre;
  OXBOW_DEVICE position pull(position at) const {
    return {z ? 2 * centre.z - at.z : at.z, y ? 2 * centre.y - at.y : at.y, x ? 2 * centre.x - at.x : at.x};
  }
};

/// Mirrors each axis of its own accord with the given probability.
struct mirror {
  float z = 0.5f, y = 0.5f, x = 0.5f;

  drawn_mirror draw(map_random const& random, extent tile) const {
    for (float const p : {z, y, x}) detail::require(p >= 0 && p <= 1, "mirror: a probability must lie in 0 … 1", p);
    auto const happens = [&](std::uint32_t index, float probability) {
      return random.uniform(index, 0, 1) < probability;
    };
    return {tile.depth > 1 && happens(2, z), happens(0, y), happens(1, x), middle(tile)};
  }
};

struct drawn_scale {
  float inverse;
  position centre;
  OXBOW_DEVICE position pull(position at) const {
    return {at.z, centre.y + (at.y - centre.y) * inverse, centre.x + (at.x - centre.x) * inverse};
  }
};

/// Magnifies each slice about the tile's middle by a factor whose logarithm is uniform, so that twice and half are
/// equally likely.
struct scale {
  float from = 0.8f, to = 1.25f;

  drawn_scale draw(map_random const& random, extent tile) const {
    detail::require(from > 0, "scale: from must be above 0", from);
    detail::require(to >= from, "scale: to must be at least from", to);
    float const factor = from == to ? from : std::exp(random.uniform(0, std::log(from), std::log(to)));
    return {1 / factor, middle(tile)};
  }
};

}  // namespace oxbow
