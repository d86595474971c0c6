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

/// Channel i of the gradient of a norm over `pixels` pixels.
/// shapes  scale: channels; statistics: 2 · groups; sums: 2 · channels, those of norm_grad_statistics
inline OXBOW_DEVICE norm_grad_factor norm_grad_factor_of(int i, float const* scale, float const* statistics,
                                                         float const* sums, int channels, int groups,
                                                         std::int64_t pixels) {
  int const members = channels / groups, g = i / members;
  double const n = static_cast<double>(pixels * members);
  double const mean = static_cast<double>(statistics[g]), inverse = static_cast<double>(statistics[groups + g]);
  double mean_d = 0, mean_dx = 0;  // of scale · dy and of scale · dy · x̂, over the group
  for (int k = g * members; k < (g + 1) * members; ++k) {
    mean_dx += static_cast<double>(scale[k]) * static_cast<double>(sums[k]) / n;
    mean_d += static_cast<double>(scale[k]) * static_cast<double>(sums[channels + k]) / n;
  }
  return {static_cast<float>(inverse * static_cast<double>(scale[i])), static_cast<float>(-inverse * inverse * mean_dx),
          static_cast<float>(inverse * (mean * inverse * mean_dx - mean_d))};
}

}  // namespace oxbow::ops
