// Prediction averaged over turned and mirrored copies of the image.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <oxbow/predict/predict.hpp>

namespace oxbow {

/// A way to look at an image: turned by so many degrees about its middle, then mirrored left to right.
struct view_of_image {
  double degrees = 0;
  bool mirrored = false;
};

/// The paper's: "the average over 7 rotated versions of the input data" (section 4), evenly over the circle.
inline std::vector<view_of_image> seven_rotations() {
  std::vector<view_of_image> views;
  for (int k = 0; k < 7; ++k) views.push_back({k * 360. / 7, false});
  return views;
}

/// The four quarter turns, each as it is and mirrored: pixels are exchanged, nothing is interpolated.
inline std::vector<view_of_image> square_symmetries() {
  std::vector<view_of_image> views;
  for (bool const mirrored : {false, true})
    for (int k = 0; k < 4; ++k) views.push_back({90. * k, mirrored});
  return views;
}

namespace detail {

/// Places of a view's canvas in the image and back. Along height and width alone.
class turned {
 public:
  turned(view_of_image v, extent image) : mirrored_{v.mirrored}, from_{image}, to_{image} {
    if (!std::isfinite(v.degrees))
      throw std::invalid_argument("predict_average: a view is turned by " + std::to_string(v.degrees) +
                                  " degrees; the angle must be finite.");
    double const quarters = v.degrees / 90;
    exact_ = quarters == std::floor(quarters);
    if (exact_) {
      static constexpr int sines[] = {0, 1, 0, -1};
      int const k = static_cast<int>(std::fmod(std::fmod(quarters, 4) + 4, 4));
      sine_ = sines[k], cosine_ = sines[(k + 1) % 4];
    } else {
      double const angle = v.degrees * std::numbers::pi / 180;
      sine_ = std::sin(angle), cosine_ = std::cos(angle);
    }
    // The canvas holds the whole turned image. For other than quarter turns its corners show the mirrored surroundings.
    double const h = std::abs(cosine_) * image.height + std::abs(sine_) * image.width;
    double const w = std::abs(sine_) * image.height + std::abs(cosine_) * image.width;
    to_.height = static_cast<int>(std::ceil(h - 1e-9)), to_.width = static_cast<int>(std::ceil(w - 1e-9));
  }

  bool exact() const { return exact_; }
  extent canvas() const { return to_; }

  struct place { double y, x; };
  place in_image(double y, double x) const {
    if (mirrored_) x = to_.width - 1 - x;
    y -= (to_.height - 1) / 2., x -= (to_.width - 1) / 2.;
    return {cosine_ * y - sine_ * x + (from_.height - 1) / 2., sine_ * y + cosine_ * x + (from_.width - 1) / 2.};
  }
  place on_canvas(double y, double x) const {
    y -= (from_.height - 1) / 2., x -= (from_.width - 1) / 2.;
    place p{cosine_ * y + sine_ * x + (to_.height - 1) / 2., -sine_ * y + cosine_ * x + (to_.width - 1) / 2.};
    if (mirrored_) p.x = to_.width - 1 - p.x;
    return p;
  }

 private:
  bool mirrored_, exact_;
  extent from_, to_;
  double sine_, cosine_;
};

/// Bilinear, over the mirrored image; exactly the pixel where the place is one.
inline float between_pixels(image_view<float const> from, int z, turned::place at, int c) {
  double const y = std::floor(at.y), x = std::floor(at.x), fy = at.y - y, fx = at.x - x;
  auto const value = [&](int dy, int dx) {
    return static_cast<double>(from(z, mirrored(static_cast<std::int64_t>(y) + dy, from.size.height),
                                    mirrored(static_cast<std::int64_t>(x) + dx, from.size.width), c));
  };
  auto const row = [&](int dy) { return fx == 0 ? value(dy, 0) : (1 - fx) * value(dy, 0) + fx * value(dy, 1); };
  return static_cast<float>(fy == 0 ? row(0) : (1 - fy) * row(0) + fy * row(1));
}

/// The place, on whole pixels where the view keeps them whole.
inline turned::place snapped(turned const& view, turned::place p) {
  return view.exact() ? turned::place{std::round(p.y), std::round(p.x)} : p;
}

}  // namespace detail

/// The mean, over views of the image, of what the network predicts for each pixel; each view is tiled like any image.
/// Slices of a volume are turned as a whole.
///
/// shapes  as predict
/// law     with one view that is neither turned nor mirrored it is predict, bit for bit; for square_symmetries() the
///         prediction of a turned image is the turned prediction, but for rounding of sums
/// throws  as predict; std::invalid_argument without any view
/// cost    a prediction per view; turned by other than quarters, of up to twice the pixels
template <inferring_net Net>
image<float> predict_average(Net& net, image_view<float const> input, std::vector<view_of_image> const& views,
                             predict_options const& options = {}) {
  if (views.empty())
    throw std::invalid_argument("predict_average: there is no view to average over; use square_symmetries(), "
                                "seven_rotations(), or predict.");
  detail::require_predictable(input, Net::model_type::input_channels);
  // Normalised before it is turned: the moments of a turned image are those of its corners too.
  auto const maps = maps_of(options.normalise, input);
  image<float> normal(input.size, input.channels);
  for (std::size_t i = 0; i < normal.data.size(); ++i)
    normal.data[i] = maps[i % maps.size()](input.data[i]);
  predict_options each = options;
  each.normalise = as_is;
  each.progress = {};

  int const classes = Net::model_type::classes;
  std::vector<double> sums(static_cast<std::size_t>(input.size.volume()) * static_cast<std::size_t>(classes), 0.);
  std::int64_t done = 0;
  for (view_of_image const v : views) {
    detail::turned const view(v, input.size);
    image<float> canvas(view.canvas(), input.channels);
    for (int z = 0; z < canvas.size.depth; ++z)
      for (int y = 0; y < canvas.size.height; ++y)
        for (int x = 0; x < canvas.size.width; ++x) {
          auto const at = detail::snapped(view, view.in_image(y, x));
          for (int c = 0; c < input.channels; ++c)
            canvas(z, y, x, c) = detail::between_pixels(std::as_const(normal).view(), z, at, c);
        }
    image<float> const seen = predict(net, std::as_const(canvas).view(), each);
    std::size_t i = 0;
    for (int z = 0; z < input.size.depth; ++z)
      for (int y = 0; y < input.size.height; ++y)
        for (int x = 0; x < input.size.width; ++x) {
          auto const at = detail::snapped(view, view.on_canvas(y, x));
          for (int c = 0; c < classes; ++c)
            sums[i++] += static_cast<double>(detail::between_pixels(seen.view(), z, at, c));
        }
    if (options.progress) options.progress(++done, static_cast<std::int64_t>(views.size()));
  }
  image<float> mean(input.size, classes);
  for (std::size_t i = 0; i < sums.size(); ++i)
    mean.data[i] = static_cast<float>(sums[i] / static_cast<double>(views.size()));
  return mean;
}

template <inferring_net Net>
image<float> predict_average(Net& net, image<float> const& input, std::vector<view_of_image> const& views,
                             predict_options const& options = {}) {
  return predict_average(net, input.view(), views, options);
}

}  // namespace oxbow
