// Bringing the values of an image to the range that a network likes.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <oxbow/core/image.hpp>

namespace oxbow {

/// y = (x − mean) · scale for one channel.
struct linear_map {
  float mean = 0, scale = 1;
  float operator()(float x) const { return (x - mean) * scale; }
};

/// How values are normalised before a network sees them; the same for training and prediction.
struct normalisation {
  enum class kind { none, per_image, constants };
  kind how = kind::none;
  float mean = 0, deviation = 1;  ///< used by `constants` alone, for every channel
};

/// Values go to the network as they are.
inline constexpr normalisation as_is{};
/// Each channel of each image gets mean 0 and deviation 1; a channel of one value becomes 0.
inline constexpr normalisation per_image{normalisation::kind::per_image, 0, 1};
/// The same mean is taken away and the same deviation divided out everywhere.
constexpr normalisation given_moments(float mean, float deviation) {
  return {normalisation::kind::constants, mean, deviation};
}

/// The linear map of each channel. Two passes in double, in pixel order: the same bits everywhere.
/// throws  std::invalid_argument: given moments that are not finite, or a deviation that is not above 0
inline std::vector<linear_map> maps_of(normalisation const& by, image_view<float const> view) {
  std::vector<linear_map> maps(static_cast<std::size_t>(view.channels));
  if (by.how == normalisation::kind::constants) {
    if (!std::isfinite(by.mean) || !(by.deviation > 0) || !std::isfinite(1 / by.deviation))
      throw std::invalid_argument("normalisation: the mean is " + std::to_string(by.mean) + " and the deviation " +
                                  std::to_string(by.deviation) +
                                  "; the mean must be finite, and the deviation finite and above 0.");
    for (auto& m : maps) m = {by.mean, 1 / by.deviation};
  }
  if (by.how != normalisation::kind::per_image) return maps;
  std::int64_t const pixels = view.size.volume();
  for (int c = 0; c < view.channels; ++c) {
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < pixels; ++i) sum += static_cast<double>(view.data[i * view.channels + c]);
    double const mean = sum / static_cast<double>(pixels);
    for (std::int64_t i = 0; i < pixels; ++i) {
      double const d = static_cast<double>(view.data[i * view.channels + c]) - mean;
      squares += d * d;
    }
    // A constant channel has a deviation of rounding errors, about 1e-16 of its values.
    double const deviation = std::sqrt(squares / static_cast<double>(pixels));
    bool const flat = deviation <= 1e-12 * std::abs(mean);
    maps[static_cast<std::size_t>(c)] = {static_cast<float>(mean), flat ? 0.f : static_cast<float>(1 / deviation)};
  }
  return maps;
}

/// The first value, in memory order, that is infinite or not a number; −1 where all are finite.
inline std::int64_t first_not_finite(image_view<float const> view) {
  for (std::int64_t i = 0; i < view.count(); ++i)
    if (!std::isfinite(view.data[i])) return i;
  return -1;
}

}  // namespace oxbow
