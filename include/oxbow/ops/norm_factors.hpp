// What a norm and its gradient multiply a channel's elements by, from statistics: for one channel, on any machine.
#pragma once
#include <cmath>
#include <cstdint>

#include <oxbow/core/portable.hpp>
#include <oxbow/ops/normalisation.hpp>

namespace oxbow::ops {

/// y = x · a + b.
struct norm_factor {
  float a, b;
};

/// Channel c of a norm. statistics: the means of the groups, then their inverse deviations.
inline OXBOW_DEVICE norm_factor norm_factor_of(float scale, float shift, float mean, float inverse) {
  double const f = static_cast<double>(scale) * static_cast<double>(inverse);
  return {static_cast<float>(f), static_cast<float>(static_cast<double>(shift) - static_cast<double>(mean) * f)};
}

/// The same from running statistics.
inline OXBOW_DEVICE norm_factor running_factor_of(float scale, float shift, float mean, float variance) {
  double const f = static_cast<double>(scale) / std::sqrt(static_cast<double>(variance) + norm_epsilon);
  return {static_cast<float>(f), static_cast<float>(static_cast<double>(shift) - static_cast<double>(mean) * f)};
}

/// dx = dy · a + x · b + c.
struct norm_grad_factor {
  float a, b, c;
};

/// Means over a group of scale · dy and of scale · dy · x̂.
struct norm_grad_means {
  double d = 0, dx = 0;
};

/// Those of group g over `pixels` pixels.
/// shapes  scale: channels; sums: 2 · channels, those of norm_grad_statistics
inline OXBOW_DEVICE norm_grad_means norm_grad_means_of(int g, float const* scale, float const* sums, int channels,
                                                       int groups, std::int64_t pixels) {
  int const members = channels / groups;
  double const n = static_cast<double>(pixels * members);
  norm_grad_means m;
  for (int k = g * members; k < (g + 1) * members; ++k) {
    m.dx += static_cast<double>(scale[k]) * static_cast<double>(sums[k]) / n;
    m.d += static_cast<double>(scale[k]) * static_cast<double>(sums[channels + k]) / n;
  }
  return m;
}

/// A channel of the gradient of a norm, from its scale, and its group's statistics and means.
inline OXBOW_DEVICE norm_grad_factor norm_grad_factor_of(float scale, float mean, float inverse_deviation,
                                                         norm_grad_means m) {
  double const inverse = static_cast<double>(inverse_deviation);
  return {static_cast<float>(inverse * static_cast<double>(scale)), static_cast<float>(-inverse * inverse * m.dx),
          static_cast<float>(inverse * (static_cast<double>(mean) * inverse * m.dx - m.d))};
}

}  // namespace oxbow::ops
