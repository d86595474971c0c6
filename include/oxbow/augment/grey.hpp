// Random changes of grey values.
#pragma once
#include <cmath>

#include <oxbow/augment/pipeline.hpp>

namespace oxbow {

struct drawn_grey {
  float gamma, slope, offset, noise, black, range;
  random_stream pixels;
  std::uint64_t first;

  OXBOW_DEVICE float value(float v, std::int64_t index) const { return values(lanes<float, 1>{{v}}, index, 1)[0]; }
  template <int Count>
  OXBOW_DEVICE lanes<float, Count> values(lanes<float, Count> v, std::int64_t index, std::int64_t step) const {
    if (gamma != 1)
      for (int i = 0; i < Count; ++i) {
        // An odd function, so that values below black stay below it and the map is continuous. Black itself counts as
        // 2^-80 of the range away from it, since it has no logarithm.
        float const t = (v[i] - black) / range;
        v[i] = black + range * std::copysign(exp2_of(gamma * log2_of(larger_of(std::fabs(t), 0x1p-80f))), t);
      }
    float const middle = black + range * 0.5f;
    if (slope != 1)
      for (int i = 0; i < Count; ++i) v[i] = middle + slope * (v[i] - middle);
    if (offset != 0)
      for (int i = 0; i < Count; ++i) v[i] += offset;
    if (noise != 0) {
      auto const normal = pixels.normals<Count>(first / 2 + static_cast<std::uint64_t>(index),
                                                static_cast<std::uint64_t>(step));
      for (int i = 0; i < Count; ++i) v[i] += noise * normal[i];
    }
    return v;
  }
};

/// Gamma, then slope about middle grey, then an offset, then noise. A field of 1 or 0, as fits, leaves its part out;
/// with all parts left out values pass bit by bit. Units of offset and noise are parts of the range.
struct grey {
  float gamma = 1.25f;         ///< exponent, log-uniform in 1/gamma … gamma
  float slope = 1.25f;         ///< contrast, log-uniform in 1/slope … slope
  float offset = 0.1f;         ///< brightness, uniform in ±offset
  float noise = 0.05f;         ///< deviation of Gaussian noise per pixel, uniform in 0 … noise
  float black = 0, white = 1;  ///< the grey values that gamma keeps

  drawn_grey draw(map_random const& random, extent) const {
    detail::require(gamma > 0, "grey: gamma must be above 0", gamma);
    detail::require(slope > 0, "grey: slope must be above 0", slope);
    detail::require(noise >= 0, "grey: noise must be 0 or more", noise);
    detail::require(white > black, "grey: white must be above black", white);
    auto const spread = [&](std::uint32_t index, float most) {
      float const log = std::fabs(std::log(most));
      return most == 1 ? 1.f : std::exp(random.uniform(index, -log, log));
    };
    float const range = white - black;
    return {spread(0, gamma),
            spread(1, slope),
            range * random.uniform(2, -offset, offset),
            range * random.uniform(3, 0, noise),
            black,
            range,
            random.pixels(),
            std::uint64_t{random.place} << 40};
  }
};

}  // namespace oxbow
