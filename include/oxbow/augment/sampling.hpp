// Reading an image between its pixels and beyond its border.
#pragma once
#include <cstdint>

#include <oxbow/augment/cubic.hpp>
#include <oxbow/augment/pipeline.hpp>
#include <oxbow/augment/position.hpp>
#include <oxbow/core/image.hpp>
#include <oxbow/core/lanes.hpp>
#include <oxbow/core/mirror.hpp>

namespace oxbow {

/// How values between pixels are made.
enum class sampling { linear, cubic };

/// A position in a source image: pixel and fraction along each axis.
struct source_place {
  int pixel[3];
  float fraction[3];

  OXBOW_DEVICE source_place() {}
  OXBOW_DEVICE source_place(position at, extent corner);
};

/// Several of them. The corner is added to whole pixels, so that fractions keep their bits in an image of any size.
template <int Count> struct source_places {
  lanes<int, Count> pixel[3];
  lanes<float, Count> fraction[3];

  OXBOW_DEVICE source_places(positions<Count> at, extent corner) {
    auto const along = [&](int axis, lanes<float, Count> coordinate, int origin) {
      lanes<int, Count> whole;
      for (int i = 0; i < Count; ++i) {
        split_coordinate const s = split(coordinate[i]);
        whole[i] = s.pixel + origin;
        coordinate[i] = s.fraction;
      }
      pixel[axis] = whole, fraction[axis] = coordinate;
    };
    along(0, at.z, corner.depth), along(1, at.y, corner.height), along(2, at.x, corner.width);
  }
  OXBOW_DEVICE source_place operator[](int i) const {
    source_place one;
    for (int axis = 0; axis < 3; ++axis) one.pixel[axis] = pixel[axis][i], one.fraction[axis] = fraction[axis][i];
    return one;
  }
};

inline OXBOW_DEVICE source_place::source_place(position at, extent corner)
    : source_place{source_places<1>({{at.z}, {at.y}, {at.x}}, corner)[0]} {}

/// Up to `Most` pixels of the mirrored image along each axis, and what they weigh. A place on a pixel has that one
/// alone along the axis: its value comes out as it is, bit by bit, whatever the neighbours may be.
template <int Most> struct weighted_pixels {
  int count[3] = {1, 1, 1};
  int index[3][Most];
  float weight[3][Most];

  OXBOW_DEVICE float operator()(image_view<float const> source, int channel) const {
    if (count[0] == 1 && count[1] == 1 && count[2] == 1)
      return source(index[0][0], index[1][0], index[2][0], channel);
    float sum = 0;
    for (int k = 0; k < count[0]; ++k)
      for (int j = 0; j < count[1]; ++j) {
        float row = 0;
        for (int i = 0; i < count[2]; ++i)
          row += weight[2][i] * source(index[0][k], index[1][j], index[2][i], channel);
        sum += weight[0][k] * weight[1][j] * row;
      }
    return sum;
  }
};

/// Linear interpolation.
inline OXBOW_DEVICE weighted_pixels<2> linear_pixels(source_place const& at, extent source) {
  weighted_pixels<2> made;
  for (int axis = 0; axis < 3; ++axis) {
    float const t = at.fraction[axis];
    made.count[axis] = t == 0 ? 1 : 2;
    made.weight[axis][0] = 1 - t, made.weight[axis][1] = t;
    for (int i = 0; i < made.count[axis]; ++i)
      made.index[axis][i] = mirrored(std::int64_t{at.pixel[axis]} + i, source[axis]);
  }
  return made;
}

/// Cubic interpolation (Keys, a = −1/2). Overshoots by up to 1/8 of a step per axis.
inline OXBOW_DEVICE weighted_pixels<4> cubic_pixels(source_place const& at, extent source) {
  weighted_pixels<4> made;
  for (int axis = 0; axis < 3; ++axis) {
    bool const whole = at.fraction[axis] == 0;
    cubic_weights const w(at.fraction[axis]);
    made.count[axis] = whole ? 1 : 4;
    for (int i = 0; i < made.count[axis]; ++i) {
      made.index[axis][i] = mirrored(std::int64_t{at.pixel[axis]} + (whole ? 0 : i - 1), source[axis]);
      made.weight[axis][i] = whole ? 1.f : w.weight[i];
    }
  }
  return made;
}

/// Linear interpolation of the smoothed source: per axis, the kernel once at each of the two pixels in between.
inline OXBOW_DEVICE weighted_pixels<2 * smoothing_kernel::most + 2> smoothed_pixels(source_place const& at,
                                                                                   extent source,
                                                                                   smoothing_kernel const& kernel) {
  weighted_pixels<2 * smoothing_kernel::most + 2> made;
  for (int axis = 0; axis < 3; ++axis) {
    int const radius = axis == 0 ? 0 : kernel.radius;
    float const t = at.fraction[axis];
    made.count[axis] = 2 * radius + (t == 0 ? 1 : 2);
    for (int i = 0; i < made.count[axis]; ++i) {
      int const before = i - radius, after = before - 1;  // from the near pixel, from the far one
      auto const weight = [&](int k) {
        int const far = k < 0 ? -k : k;
        return far > radius ? 0.f : axis == 0 ? 1.f : kernel.weight[far];
      };
      made.weight[axis][i] = (1 - t) * weight(before) + t * weight(after);
      made.index[axis][i] = mirrored(std::int64_t{at.pixel[axis]} + before, source[axis]);
    }
  }
  return made;
}

/// Are all the places on the first plane of a flat image, with their neighbours below and to the right inside it?
template <int Count> OXBOW_DEVICE bool are_inside(source_places<Count> const& at, extent size, int channels) {
  auto const [z, y, x] = at.pixel;
  auto const between = at.fraction[0];
  int outside = 0;  // below 0 if anything here is
  for (int i = 0; i < Count; ++i) {
    outside |= z[i] | -z[i] | y[i] | (size.height - 2 - y[i]) | x[i] | (size.width - 2 - x[i]);
    outside |= between[i] > 0 ? -1 : 0;
  }
  return size.depth == 1 && size.volume() * channels < (1 << 30) && outside >= 0;
}

/// Linear interpolation at several places. In the usual case the four neighbours of each are there and no place is an
/// exception; else each goes its own way.
template <int Count>
OXBOW_DEVICE lanes<float, Count> read_linear(image_view<float const> source, source_places<Count> const& at,
                                             int channel, bool inside) {
  lanes<float, Count> values;
  if (!inside) {
    for (int i = 0; i < Count; ++i) values[i] = linear_pixels(at[i], source.size)(source, channel);
    return values;
  }
  lanes<float, Count> upper_left, upper_right, lower_left, lower_right;
  int const beside = source.channels, below = source.size.width * beside;
  for (int i = 0; i < Count; ++i) {
    float const* const p = source.data + (at.pixel[1][i] * source.size.width + at.pixel[2][i]) * beside + channel;
    upper_left[i] = p[0], upper_right[i] = p[beside];
    lower_left[i] = p[below], lower_right[i] = p[below + beside];
  }
  auto const along_x = at.fraction[2], along_y = at.fraction[1];
  for (int i = 0; i < Count; ++i) {
    float const t = along_x[i], u = along_y[i];
    float const mixed_above = (1 - t) * upper_left[i] + t * upper_right[i];
    float const mixed_below = (1 - t) * lower_left[i] + t * lower_right[i];
    float const above = t == 0 ? upper_left[i] : mixed_above, beneath = t == 0 ? lower_left[i] : mixed_below;
    float const mixed = (1 - u) * above + u * beneath;
    values[i] = u == 0 ? above : mixed;
  }
  return values;
}

/// The pixel whose centre is nearest; of two, the further one.
template <class T> OXBOW_DEVICE T nearest_pixel(image_view<T const> source, source_place const& at, int channel = 0) {
  int index[3];
  for (int axis = 0; axis < 3; ++axis)
    index[axis] = mirrored(std::int64_t{at.pixel[axis]} + (at.fraction[axis] >= 0.5f ? 1 : 0), source.size[axis]);
  return source(index[0], index[1], index[2], channel);
}

/// The labels nearest to several places.
template <int Count>
OXBOW_DEVICE lanes<std::uint8_t, Count> read_nearest(image_view<std::uint8_t const> source,
                                                     source_places<Count> const& at, bool inside) {
  lanes<std::uint8_t, Count> labels;
  if (!inside) {
    for (int i = 0; i < Count; ++i) labels[i] = nearest_pixel(source, at[i]);
    return labels;
  }
  auto const along_y = at.fraction[1], along_x = at.fraction[2];
  lanes<int, Count> place;
  int const width = source.size.width;
  for (int i = 0; i < Count; ++i)
    place[i] = (at.pixel[1][i] + (along_y[i] >= 0.5f ? 1 : 0)) * width + at.pixel[2][i] + (along_x[i] >= 0.5f ? 1 : 0);
  for (int i = 0; i < Count; ++i) labels[i] = source.data[place[i]];
  return labels;
}

}  // namespace oxbow
