// Reading an image between its pixels and beyond its border.
#pragma once
#include <cstdint>

#include <oxbow/augment/cubic.hpp>
#include <oxbow/augment/pipeline.hpp>
#include <oxbow/augment/position.hpp>
#include <oxbow/core/image.hpp>
#include <oxbow/core/mirror.hpp>

namespace oxbow {

/// How values between pixels are made.
enum class sampling { linear, cubic };

/// A position in a source image: pixel and fraction along each axis. The corner is added to whole pixels, so that
/// fractions keep their bits in an image of any size.
struct source_place {
  int pixel[3];
  float fraction[3];

  OXBOW_DEVICE source_place(position at, extent corner) {
    float const coordinate[3] = {at.z, at.y, at.x};
    int const origin[3] = {corner.depth, corner.height, corner.width};
    for (int axis = 0; axis < 3; ++axis) {
      split_coordinate const s = split(coordinate[axis]);
      pixel[axis] = s.pixel + origin[axis];
      fraction[axis] = s.fraction;
    }
  }
};

/// (1 − t)·a + t·b, and a itself, whatever b may be, at t = 0: copies stay copies, bit by bit.
inline OXBOW_DEVICE float mix(float a, float b, float t) { return t == 0 ? a : a + t * (b - a); }

/// Linear interpolation along the axes that have a fraction, over the mirrored image.
class linear_sampler {
 public:
  OXBOW_DEVICE linear_sampler(source_place const& at, extent source) {
    for (int axis = 0; axis < 3; ++axis) {
      near_[axis] = mirrored(at.pixel[axis], source[axis]);
      far_[axis] = mirrored(std::int64_t{at.pixel[axis]} + 1, source[axis]);
      fraction_[axis] = at.fraction[axis];
    }
  }
  OXBOW_DEVICE float operator()(image_view<float const> source, int channel) const {
    auto const plane = [&](int z) {
      float const upper =
          mix(source(z, near_[1], near_[2], channel), source(z, near_[1], far_[2], channel), fraction_[2]);
      if (fraction_[1] == 0) return upper;
      return mix(upper, mix(source(z, far_[1], near_[2], channel), source(z, far_[1], far_[2], channel), fraction_[2]),
                 fraction_[1]);
    };
    return fraction_[0] == 0 ? plane(near_[0]) : mix(plane(near_[0]), plane(far_[0]), fraction_[0]);
  }

 private:
  int near_[3], far_[3];
  float fraction_[3];
};

/// Cubic interpolation (Keys, a = −1/2) along the axes that have a fraction, over the mirrored image. Overshoots by up
/// to 1/8 of a step per axis.
class cubic_sampler {
 public:
  OXBOW_DEVICE cubic_sampler(source_place const& at, extent source) {
    for (int axis = 0; axis < 3; ++axis) {
      count_[axis] = at.fraction[axis] == 0 ? 1 : 4;
      cubic_weights const w(at.fraction[axis]);
      for (int i = 0; i < count_[axis]; ++i) {
        index_[axis][i] = mirrored(std::int64_t{at.pixel[axis]} + (count_[axis] == 1 ? 0 : i - 1), source[axis]);
        weight_[axis][i] = count_[axis] == 1 ? 1.f : w.weight[i];
      }
    }
  }
  OXBOW_DEVICE float operator()(image_view<float const> source, int channel) const {
    if (count_[0] == 1 && count_[1] == 1 && count_[2] == 1)
      return source(index_[0][0], index_[1][0], index_[2][0], channel);
    float sum = 0;
    for (int k = 0; k < count_[0]; ++k)
      for (int j = 0; j < count_[1]; ++j) {
        float row = 0;
        for (int i = 0; i < count_[2]; ++i)
          row += weight_[2][i] * source(index_[0][k], index_[1][j], index_[2][i], channel);
        sum += weight_[0][k] * weight_[1][j] * row;
      }
    return sum;
  }

 private:
  int index_[3][4], count_[3];
  float weight_[3][4];
};

/// Linear interpolation of the smoothed source: per axis, the kernel once at each of the two pixels in between.
class smoothed_sampler {
 public:
  OXBOW_DEVICE smoothed_sampler(source_place const& at, extent source, smoothing_kernel const& kernel) {
    for (int axis = 0; axis < 3; ++axis) {
      int const radius = axis == 0 ? 0 : kernel.radius;
      float const t = at.fraction[axis];
      count_[axis] = 2 * radius + (t == 0 ? 1 : 2);
      for (int i = 0; i < count_[axis]; ++i) {
        int const before = i - radius, after = before - 1;  // from the near pixel, from the far one
        auto const weight = [&](int k) {
          int const far = k < 0 ? -k : k;
          return far > radius ? 0.f : axis == 0 ? 1.f : kernel.weight[far];
        };
        weight_[axis][i] = (1 - t) * weight(before) + t * weight(after);
        index_[axis][i] = mirrored(std::int64_t{at.pixel[axis]} + before, source[axis]);
      }
    }
  }
  OXBOW_DEVICE float operator()(image_view<float const> source, int channel) const {
    float sum = 0;
    for (int k = 0; k < count_[0]; ++k)
      for (int j = 0; j < count_[1]; ++j) {
        float row = 0;
        for (int i = 0; i < count_[2]; ++i)
          row += weight_[2][i] * source(index_[0][k], index_[1][j], index_[2][i], channel);
        sum += weight_[0][k] * weight_[1][j] * row;
      }
    return sum;
  }

 private:
  static constexpr int most = 2 * smoothing_kernel::most + 2;
  int index_[3][most], count_[3];
  float weight_[3][most];
};

/// The pixel whose centre is nearest; of two, the further one.
template <class T> OXBOW_DEVICE T nearest_pixel(image_view<T const> source, source_place const& at, int channel = 0) {
  int index[3];
  for (int axis = 0; axis < 3; ++axis)
    index[axis] = mirrored(std::int64_t{at.pixel[axis]} + (at.fraction[axis] >= 0.5f ? 1 : 0), source.size[axis]);
  return source(index[0], index[1], index[2], channel);
}

}  // namespace oxbow
