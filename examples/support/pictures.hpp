// Images as one wants to look at them: bytes, overlays, errors in colour.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <oxbow/core/image.hpp>
#include <oxbow/core/wording.hpp>
#include <oxbow/metrics/warping.hpp>

namespace support {

using byte_image = oxbow::image<std::uint8_t>;

struct colour {
  std::uint8_t red, green, blue;
};

// Told apart by colour-blind eyes too. source  Okabe and Ito, Color Universal Design, 2008
inline constexpr colour orange{230, 159, 0}, sky{86, 180, 233}, green{0, 158, 115}, vermilion{213, 94, 0};

namespace detail {

inline void require_one_size(oxbow::extent a, oxbow::extent b, char const* who) {
  if (a == b) return;
  throw std::invalid_argument(std::string{who} + ": the images measure " + oxbow::size_text(a) + " and " +
                              oxbow::size_text(b) + "; they must be of one size.");
}

/// `share` of the colour over a grey value. shape  pixel: 3 channels
inline void tint(byte_image& picture, std::size_t pixel, float grey, colour c, float share) {
  float const part[3] = {static_cast<float>(c.red), static_cast<float>(c.green), static_cast<float>(c.blue)};
  for (std::size_t k = 0; k < 3; ++k)
    picture.data[3 * pixel + k] =
        static_cast<std::uint8_t>(std::clamp(grey + share * (part[k] - grey), 0.f, 255.f) + 0.5f);
}

}  // namespace detail

/// The middle of a picture, `side` pixels wide and high or as much as there is.
template <class T> oxbow::image<T> close_up(oxbow::image<T> const& whole, int side) {
  oxbow::extent const size{1, std::min(side, whole.size.height), std::min(side, whole.size.width)};
  int const top = (whole.size.height - size.height) / 2, left = (whole.size.width - size.width) / 2;
  oxbow::image<T> part(size, whole.channels);
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x)
      for (int c = 0; c < whole.channels; ++c) part(y, x, c) = whole(top + y, left + x, c);
  return part;
}

/// The values from low to high as black to white; what is not a number becomes black. One channel is taken.
inline byte_image grey_picture(oxbow::image<float> const& from, float low = 0, float high = 1, int channel = 0) {
  byte_image picture(from.size);
  for (std::size_t i = 0; i < picture.data.size(); ++i) {
    float const v = from.data[i * static_cast<std::size_t>(from.channels) + static_cast<std::size_t>(channel)];
    float const t = (v - low) / (high - low);
    picture.data[i] = static_cast<std::uint8_t>(255 * (t > 0 ? std::min(t, 1.f) : 0.f) + 0.5f);
  }
  return picture;
}

/// Two classes as black and white, more as shades between; ignored pixels are sky blue.
inline byte_image class_picture(oxbow::label_image const& labels, int classes) {
  byte_image picture(labels.size, 3);
  for (std::size_t i = 0; i < labels.data.size(); ++i) {
    std::uint8_t const c = labels.data[i];
    float const shade = 255 * static_cast<float>(c) / static_cast<float>(std::max(1, classes - 1));
    detail::tint(picture, i, std::min(shade, 255.f), sky, c == oxbow::ignored ? 1.f : 0.f);
  }
  return picture;
}

/// The pixels of one class in colour over the image.
inline byte_image overlay(byte_image const& grey, oxbow::label_image const& labels, int shown, colour ink = green,
                          float share = 0.6f) {
  detail::require_one_size(grey.size, labels.size, "overlay");
  byte_image picture(grey.size, 3);
  for (std::size_t i = 0; i < labels.data.size(); ++i)
    detail::tint(picture, i, grey.data[i], ink, labels.data[i] == shown ? share : 0.f);
  return picture;
}

/// What a prediction got wrong about one class, over the image.
struct error_picture {
  byte_image picture;
  std::int64_t invented = 0;  ///< pixels given the class without being of it: orange
  std::int64_t missed = 0;    ///< pixels of the class given another one: sky blue
  std::int64_t pixels = 0;    ///< without the ignored ones

  static constexpr colour invented_colour = orange, missed_colour = sky;
};

inline error_picture show_errors(byte_image const& grey, oxbow::label_image const& truth,
                                 oxbow::label_image const& predicted, int shown) {
  detail::require_one_size(grey.size, truth.size, "show_errors");
  detail::require_one_size(grey.size, predicted.size, "show_errors");
  error_picture made{byte_image(grey.size, 3)};
  for (std::size_t i = 0; i < truth.data.size(); ++i) {
    bool const counted = truth.data[i] != oxbow::ignored;
    bool const invented = counted && predicted.data[i] == shown && truth.data[i] != shown;
    bool const missed = counted && predicted.data[i] != shown && truth.data[i] == shown;
    made.pixels += counted;
    made.invented += invented;
    made.missed += missed;
    // The image is dimmed, so that both colours stand out.
    float const dim = 0.55f * static_cast<float>(grey.data[i]);
    detail::tint(made.picture, i, dim, invented ? orange : sky, invented || missed ? 0.9f : 0.f);
  }
  return made;
}

/// Where a proposal cuts objects of the truth (orange) and joins them (sky blue), three pixels wide over the image.
inline byte_image cut_picture(byte_image const& grey, oxbow::label_image const& truth,
                              oxbow::image<float> const& proposed, double threshold) {
  auto const wrong = oxbow::topology_errors(truth, proposed, threshold);
  byte_image picture(grey.size, 3);
  for (std::size_t i = 0; i < grey.data.size(); ++i)
    detail::tint(picture, i, 0.7f * static_cast<float>(grey.data[i]), sky, 0);
  oxbow::extent const size = grey.size;
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x) {
      auto const what = static_cast<oxbow::topology_error>(wrong(y, x));
      if (what != oxbow::topology_error::split && what != oxbow::topology_error::merger) continue;
      colour const ink = what == oxbow::topology_error::split ? error_picture::invented_colour
                                                              : error_picture::missed_colour;
      for (int ny = std::max(0, y - 1); ny < std::min(size.height, y + 2); ++ny)
        for (int nx = std::max(0, x - 1); nx < std::min(size.width, x + 2); ++nx)
          detail::tint(picture, static_cast<std::size_t>(size.index(0, ny, nx)), 0, ink, 1);
    }
  return picture;
}

/// Each object in a colour of its own, background dark.
inline byte_image object_picture(oxbow::instance_image const& objects) {
  byte_image picture(objects.size, 3);
  for (std::size_t i = 0; i < objects.data.size(); ++i) {
    if (objects.data[i] == 0) {
      detail::tint(picture, i, 24, sky, 0);
      continue;
    }
    // Hues one golden section of the circle apart: neighbours in number lie far apart in colour.
    float const hue = 6.2831853f * std::fmod(0.618034f * static_cast<float>(objects.data[i]), 1.f);
    auto const wave = [&](float phase) { return static_cast<std::uint8_t>(160 + 60 * std::cos(hue + phase)); };
    detail::tint(picture, i, 0, {wave(0), wave(-2.0944f), wave(2.0944f)}, 1);
  }
  return picture;
}

}  // namespace support
