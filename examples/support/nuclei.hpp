// Images of nuclei that touch, with the number of each: something to try instance segmentation on.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

#include <oxbow/core/image.hpp>
#include <oxbow/core/random.hpp>

namespace support {

struct nuclei_picture {
  oxbow::image<float> grey;  ///< like a 12-bit camera's
  oxbow::instance_image objects;
};

/// Bright ellipses on a dark ground, a third of them beside another one; noise of camera and light.
inline nuclei_picture draw_nuclei(oxbow::extent size, std::uint64_t seed, std::uint32_t number) {
  oxbow::random_stream const random{seed, oxbow::purpose::example_data, number, 17};
  std::uint64_t next = 0;
  auto const draw = [&](float low, float high) { return random.uniform(next++, low, high); };
  nuclei_picture made{oxbow::image<float>(size, 1, 200.f), oxbow::instance_image(size)};
  auto const count = static_cast<int>(size.volume() / 1500);
  float cy = 0, cx = 0, reach = 0;
  for (int n = 1; n <= count; ++n) {
    float const a = draw(8, 13), b = draw(7, 11), angle = draw(0, 3.14f), light = draw(300, 900);
    if (n > 1 && draw(0, 1) < 0.33f) {
      float const towards = draw(0, 6.28f), apart = reach + 0.8f * b;
      cy += apart * std::sin(towards), cx += apart * std::cos(towards);
    } else {
      cy = draw(0, static_cast<float>(size.height)), cx = draw(0, static_cast<float>(size.width));
    }
    reach = b;
    for (int y = std::max(0, static_cast<int>(cy - 14)); y < std::min(size.height, static_cast<int>(cy + 15)); ++y)
      for (int x = std::max(0, static_cast<int>(cx - 14)); x < std::min(size.width, static_cast<int>(cx + 15)); ++x) {
        float const dy = static_cast<float>(y) - cy, dx = static_cast<float>(x) - cx;
        float const u = (dx * std::cos(angle) + dy * std::sin(angle)) / a;
        float const v = (dy * std::cos(angle) - dx * std::sin(angle)) / b;
        float const d = u * u + v * v;
        if (d > 1 || made.objects(y, x) != 0) continue;
        made.objects(y, x) = n;
        made.grey(y, x) += light * (1 - 0.5f * d);
      }
  }
  oxbow::random_stream const noise{seed, oxbow::purpose::noise, number, 17};
  for (std::size_t i = 0; i < made.grey.data.size(); ++i)
    made.grey.data[i] = std::max(0.f, made.grey.data[i] + 1.2f * std::sqrt(made.grey.data[i]) * noise.normal(i));
  return made;
}

}  // namespace support
