// Smooth random fields, blur and distances: what synthetic images are made of.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/mirror.hpp>
#include <oxbow/core/random.hpp>

namespace support {

using oxbow::extent;
using oxbow::image;

inline float smooth_step(float low, float high, float v) {
  float const t = std::clamp((v - low) / (high - low), 0.f, 1.f);
  return t * t * (3 - 2 * t);
}

/// Random values on a lattice, smooth in between: mean 0, mostly in −1 … 1, features as wide as the spacing.
/// cost  four lattice values per place
class noise_field {
 public:
  noise_field(extent size, float spacing, oxbow::random_stream const& random)
      : spacing_{spacing},
        rows_{static_cast<int>(static_cast<float>(size.height) / spacing) + 2},
        columns_{static_cast<int>(static_cast<float>(size.width) / spacing) + 2},
        value_(static_cast<std::size_t>(rows_) * static_cast<std::size_t>(columns_)) {
    for (std::size_t i = 0; i < value_.size(); ++i) value_[i] = 0.8f * random.normal(i);
  }

  float operator()(int y, int x) const {
    float const v = static_cast<float>(y) / spacing_, u = static_cast<float>(x) / spacing_;
    int const j = static_cast<int>(v), i = static_cast<int>(u);
    float const b = smooth_step(0, 1, v - static_cast<float>(j)), a = smooth_step(0, 1, u - static_cast<float>(i));
    float const upper = at(j, i) + a * (at(j, i + 1) - at(j, i));
    float const lower = at(j + 1, i) + a * (at(j + 1, i + 1) - at(j + 1, i));
    return upper + b * (lower - upper);
  }

 private:
  float at(int j, int i) const {
    return value_[static_cast<std::size_t>(j) * static_cast<std::size_t>(columns_) + static_cast<std::size_t>(i)];
  }

  float spacing_;
  int rows_, columns_;
  std::vector<float> value_;
};

/// Gaussian blur with mirrored borders, along both axes one after the other.
inline image<float> blurred(image<float> from, float sigma) {
  int const reach = static_cast<int>(std::ceil(3 * sigma));
  std::vector<float> weight(static_cast<std::size_t>(reach) + 1);
  float sum = 0;
  for (int k = 0; k <= reach; ++k) {
    float const w = std::exp(-0.5f * static_cast<float>(k * k) / (sigma * sigma));
    weight[static_cast<std::size_t>(k)] = w;
    sum += k == 0 ? w : 2 * w;
  }
  int const height = from.size.height, width = from.size.width;
  image<float> once(from.size);
  auto const pass = [&](image<float> const& in, image<float>& out, int dy, int dx) {
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        float total = weight[0] * in(y, x);
        for (int k = 1; k <= reach; ++k)
          total += weight[static_cast<std::size_t>(k)] *
                   (in(oxbow::mirrored(y + k * dy, height), oxbow::mirrored(x + k * dx, width)) +
                    in(oxbow::mirrored(y - k * dy, height), oxbow::mirrored(x - k * dx, width)));
        out(y, x) = total / sum;
      }
  };
  pass(from, once, 0, 1);
  pass(once, from, 1, 0);
  return from;
}

/// Distance in pixels from every pixel to the nearest one for which inside(y, x) holds; very large if there is none.
/// cost    a few operations per pixel
/// source  Felzenszwalb and Huttenlocher, Distance transforms of sampled functions. Theory of Computing 8, 2012
template <class Inside> image<float> distance_to(extent size, Inside inside) {
  constexpr float far = 1e12f;
  image<float> squared(size);
  auto const longest = static_cast<std::size_t>(std::max(size.height, size.width));
  std::vector<double> line(longest), from(longest);
  std::vector<std::size_t> apex(longest);
  // Replaces f by min over j of f(j) + (i − j)², the lower envelope of parabolas; apex[k] rules from from[k] on.
  auto const envelope = [&](int count, auto&& f) {
    auto const n = static_cast<std::size_t>(count);
    auto const square = [](std::size_t i) { return static_cast<double>(i) * static_cast<double>(i); };
    std::size_t last = 0;
    apex[0] = 0;
    from[0] = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < n; ++i) line[i] = static_cast<double>(f(static_cast<int>(i)));
    for (std::size_t i = 1; i < n; ++i) {
      double meet;
      for (;; --last) {
        std::size_t const j = apex[last];
        meet = (line[i] + square(i) - line[j] - square(j)) / (2 * static_cast<double>(i - j));
        if (meet > from[last]) break;
      }
      apex[++last] = i;
      from[last] = meet;
    }
    for (std::size_t i = 0, k = 0; i < n; ++i) {
      while (k < last && from[k + 1] < static_cast<double>(i)) ++k;
      double const d = static_cast<double>(i) - static_cast<double>(apex[k]);
      f(static_cast<int>(i)) = static_cast<float>(line[apex[k]] + d * d);
    }
  };
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x) squared(y, x) = inside(y, x) ? 0.f : far;
  for (int x = 0; x < size.width; ++x) envelope(size.height, [&](int y) -> float& { return squared(y, x); });
  for (int y = 0; y < size.height; ++y) envelope(size.width, [&](int x) -> float& { return squared(y, x); });
  for (float& v : squared.data) v = std::sqrt(v);
  return squared;
}

}  // namespace support
