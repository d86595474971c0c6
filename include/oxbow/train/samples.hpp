// The images that a network learns from.
#pragma once
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/normalise.hpp>
#include <oxbow/core/sample.hpp>
#include <oxbow/core/wording.hpp>

namespace oxbow {

namespace detail {
inline std::string sample_text(std::size_t i) { return "sample " + std::to_string(i); }
}  // namespace detail

/// A data set of images of any sizes with a class for each pixel, and weights if wanted. A stack
/// of slices is one image with a depth. Checked once, here, so that training reads without checks.
///
/// throws  std::invalid_argument naming the sample: an image without pixels, sizes that differ,
///         different numbers of channels, a value that is not finite, a negative weight
class samples {
 public:
  samples(std::vector<image<float>> images, std::vector<label_image> labels, std::vector<image<float>> weights = {},
          normalisation normalise = as_is)
      : samples(paired(std::move(images), std::move(labels), std::move(weights)), normalise) {}

  /// One image, or one stack.
  samples(image<float> input, label_image labels, image<float> weights = {}, normalisation normalise = as_is)
      : samples(std::vector<sample>{{std::move(input), std::move(labels), std::move(weights)}}, normalise) {}

  /// The weights are made from the labels: weights_of(label_image) → image<float>.
  template <std::invocable<label_image const&> WeightsOf>
  samples(std::vector<image<float>> images, std::vector<label_image> labels, WeightsOf const& weights_of,
          normalisation normalise = as_is)
      : samples(weighted(paired(std::move(images), std::move(labels), {}), weights_of), normalise) {}
  template <std::invocable<label_image const&> WeightsOf>
  samples(image<float> input, label_image labels, WeightsOf const& weights_of, normalisation normalise = as_is)
      : samples(weighted({{std::move(input), std::move(labels), {}}}, weights_of), normalise) {}

  explicit samples(std::vector<sample> all, normalisation normalise = as_is) : all_{std::move(all)} {
    if (all_.empty()) throw std::invalid_argument("samples: there are none; give at least one image with labels.");
    for (std::size_t i = 0; i < all_.size(); ++i) {
      check(i);
      sample& s = all_[i];
      if (normalise.how != normalisation::kind::none) {
        auto const maps = maps_of(normalise, s.input.view());
        for (std::size_t k = 0; k < s.input.data.size(); ++k) s.input.data[k] = maps[k % maps.size()](s.input.data[k]);
      }
      pixels_ += s.input.size.volume();
      ends_.push_back(pixels_);
    }
  }

  std::size_t size() const { return all_.size(); }
  sample const& operator[](std::size_t i) const { return all_[i]; }
  std::int64_t pixels() const { return pixels_; }  ///< of all images together

  /// The sample and the pixel in it that hold pixel number n of the whole data set.
  std::pair<std::size_t, std::int64_t> find(std::int64_t n) const {
    auto const end = std::upper_bound(ends_.begin(), ends_.end(), n);
    return {static_cast<std::size_t>(end - ends_.begin()), n - (end == ends_.begin() ? 0 : *(end - 1))};
  }

  /// Throws std::invalid_argument unless a model with these numbers can learn from every sample.
  void require_fit(int channels, int classes) const {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      sample const& s = all_[i];
      if (s.input.channels != channels)
        throw std::invalid_argument("train: " + detail::sample_text(i) + " has " + std::to_string(s.input.channels) +
                                    " channels, the model takes " + std::to_string(channels) +
                                    ". Convert the images, or use a model with that many input_channels.");
      auto const& labels = s.labels.data;
      auto const bad = std::find_if(labels.begin(), labels.end(),
                                    [&](std::uint8_t label) { return label >= classes && label != ignored; });
      if (bad != labels.end())
        throw std::invalid_argument("train: the label of " + detail::sample_text(i) + " at " +
                                    place_text(s.labels.size, bad - labels.begin()) + " is " + std::to_string(*bad) +
                                    ", the model has the classes 0 to " + std::to_string(classes - 1) +
                                    " (255 is ignored). Map the labels to classes when reading them.");
    }
  }

 private:
  static std::vector<sample> paired(std::vector<image<float>> images, std::vector<label_image> labels,
                                    std::vector<image<float>> weights) {
    if (images.size() != labels.size() || (!weights.empty() && weights.size() != images.size()))
      throw std::invalid_argument("samples: there are " + std::to_string(images.size()) + " images, " +
                                  std::to_string(labels.size()) + " label images and " +
                                  std::to_string(weights.size()) +
                                  " weight images; give as many of each, or no weights.");
    std::vector<sample> all(images.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i].input = std::move(images[i]);
      all[i].labels = std::move(labels[i]);
      if (!weights.empty()) all[i].weights = std::move(weights[i]);
    }
    return all;
  }

  template <class WeightsOf> static std::vector<sample> weighted(std::vector<sample> all, WeightsOf const& weights_of) {
    for (auto& s : all) s.weights = weights_of(std::as_const(s.labels));
    return all;
  }

  void check(std::size_t i) const {
    sample const& s = all_[i];
    auto const fail = [&](std::string const& what) {
      throw std::invalid_argument("samples: " + detail::sample_text(i) + ": " + what);
    };
    if (s.input.empty()) fail("the image has no pixels.");
    auto const holds = [&](auto const& image, char const* what) {
      if (static_cast<std::int64_t>(image.data.size()) != image.size.volume() * image.channels)
        fail(std::string(what) + ": " + std::to_string(image.data.size()) + " values for " + size_text(image.size) +
             " with " + std::to_string(image.channels) + " channels; make an image with its size, and then fill it.");
    };
    holds(s.input, "the image"), holds(s.labels, "the labels"), holds(s.weights, "the weights");
    if (s.labels.size != s.input.size || s.labels.channels != 1)
      fail("the image is " + size_text(s.input.size) + ", its labels are " + size_text(s.labels.size) + " with " +
           std::to_string(s.labels.channels) + " channels; they must be of one size, labels with one channel.");
    if (!s.weights.empty() && (s.weights.size != s.input.size || s.weights.channels != 1))
      fail("the image is " + size_text(s.input.size) + ", its weights are " + size_text(s.weights.size) + " with " +
           std::to_string(s.weights.channels) + " channels; they must be of one size, weights with one channel.");
    if (s.input.channels != all_[0].input.channels)
      fail("the image has " + std::to_string(s.input.channels) + " channels and that of sample 0 has " +
           std::to_string(all_[0].input.channels) + "; all must have as many.");
    if (auto const bad = first_not_finite(s.input.view()); bad >= 0)
      fail("the pixel at " + place_text(s.input.size, bad / s.input.channels) + " is " +
           std::to_string(s.input.data[static_cast<std::size_t>(bad)]) + "; every value must be finite.");
    for (std::size_t k = 0; k < s.weights.data.size(); ++k)
      if (float const w = s.weights.data[k]; !(std::isfinite(w) && w >= 0))
        fail("the weight at " + place_text(s.input.size, static_cast<std::int64_t>(k)) + " is " + std::to_string(w) +
             "; every weight must be finite and not negative.");
  }

  std::vector<sample> all_;
  std::vector<std::int64_t> ends_;  ///< pixels of the samples up to and including each
  std::int64_t pixels_ = 0;
};

}  // namespace oxbow
