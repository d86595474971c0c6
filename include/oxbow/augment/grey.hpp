// Random changes of grey values.
#pragma once
#include <cmath>

#include <oxbow/augment/pipeline.hpp>

namespace oxbow {

struct drawn_grey {
  float gamma, slope, offset, noise, black, range;
  random_stream pixels;
  std::uint64_t first;

  OXBOW_DEVICE float value(float v, std::int64_t index) const {
    if (gamma != 1) {
      // An odd function, so that values below black stay below it and the map is continuous.
      float const t = (v - black) / range;
      v = black + range * std::copysign(std::pow(std::fabs(t), gamma), t);
    }
    if (slope != 1) v = black + range * 0.5f + slope * (v - (black + range * 0.5f));
    if (offset != 0) v += offset;
    if (noise != 0) v += noise * pixels.normal(first / 2 + static_cast<std::uint64_t>(index));
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
