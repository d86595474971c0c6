// A map without its finest grain.
#pragma once
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/mirror.hpp>

namespace oxbow {

/// Every slice blurred by a Gaussian of this deviation in pixels, cut off at four deviations; what lies outside is the
/// mirror image. 0: as it is.
///
/// shapes  any size and channels → the same
/// throws  std::invalid_argument: a deviation that is not between 0 and 1000
/// cost    2 · (8 · deviation + 1) reads a pixel
inline image<float> smooth(image<float> from, float deviation) {
  if (!(deviation >= 0 && deviation <= 1000))
    throw std::invalid_argument("smooth: the deviation is " + std::to_string(deviation) +
                                "; it must be between 0 and 1000 pixels.");
  int const radius = static_cast<int>(std::ceil(4 * deviation));
  if (radius == 0) return from;
  std::vector<double> weight;
  double all = 0;
  for (int k = -radius; k <= radius; ++k) {
    double const t = static_cast<double>(k) / static_cast<double>(deviation);
    all += weight.emplace_back(std::exp(-t * t / 2));
  }
  extent const size = from.size;
  image<float> made(size, from.channels);
  for (bool const down : {false, true}) {
    for (int z = 0; z < size.depth; ++z)
      for (int y = 0; y < size.height; ++y)
        for (int x = 0; x < size.width; ++x)
          for (int c = 0; c < from.channels; ++c) {
            double sum = 0;
            for (int k = -radius; k <= radius; ++k)
              sum += weight[static_cast<std::size_t>(k + radius)] *
                     static_cast<double>(down ? from(z, mirrored(std::int64_t{y} + k, size.height), x, c)
                                              : from(z, y, mirrored(std::int64_t{x} + k, size.width), c));
            made(z, y, x, c) = static_cast<float>(sum / all);
          }
    std::swap(from, made);
  }
  return from;
}

}  // namespace oxbow
