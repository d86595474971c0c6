// Any image through a network that sees one tile shape.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/mirror.hpp>
#include <oxbow/core/normalise.hpp>
#include <oxbow/core/wording.hpp>
#include <oxbow/predict/tiling.hpp>

namespace oxbow {

/// What `predict` needs of a network: a model, and logits of one tile. A network with for_each(n, f) lends its threads.
template <class Net>
concept inferring_net = requires(Net net, image_view<float const> in, image_view<float> out) {
  typename Net::model_type;
  net.infer(in, out);
};

/// A network that computes while the host goes on: a tile is read, and another one's result written, meanwhile.
///   start_infer(tile)      takes the tile, and returns; one that was started before and not finished is forgotten
///   finish_infer(logits)   waits for the logits of the tile that was started last
template <class Net>
concept asynchronous_inferring_net =
    inferring_net<Net> && requires(Net& net, image_view<float const> in, image_view<float> out) {
      net.start_infer(in);
      net.finish_infer(out);
    };

/// What comes out of `predict` for each pixel and class.
enum class prediction { probabilities, logits };

/// How to predict. Designated initialisers are meant: {.output = prediction::logits}.
struct predict_options {
  prediction output = prediction::probabilities;
  normalisation normalise = as_is;  ///< the one that the network was trained with
  /// Output pixels per side that a tile is not trusted with, rounded up to the alignment; empty:
  /// as many as zero padding can reach, so that there are no seams. Less is faster, with seams.
  std::optional<int> margin = {};
  /// Called after every tile with (tiles done, tiles in all), on the calling thread.
  std::function<void(std::int64_t, std::int64_t)> progress = {};
};

namespace detail {

inline void require_predictable(image_view<float const> image, int channels) {
  if (image.size.depth < 1 || image.size.height < 1 || image.size.width < 1)
    throw std::invalid_argument("predict: the image has no pixels, its size is " + size_text(image.size));
  if (image.channels != channels)
    throw std::invalid_argument("predict: the image has " + std::to_string(image.channels) +
                                " channels, the model takes " + std::to_string(channels) +
                                ". Convert the image, or use a model with that many input_channels.");
  if (std::int64_t const bad = first_not_finite(image); bad >= 0)
    throw std::invalid_argument("predict: the pixel at " + place_text(image.size, bad / image.channels) + " is " +
                                std::to_string(image.data[bad]) + "; every value must be finite.");
}

/// f(z, y) for all rows, by the threads of the network if it has some: next to a GPU one thread is the slower part.
template <class Net, class F> void for_each_row(Net& net, extent size, F const& f) {
  auto const row = [&](std::int64_t i) { f(static_cast<int>(i / size.height), static_cast<int>(i % size.height)); };
  std::int64_t const rows = std::int64_t{size.depth} * size.height;
  if constexpr (requires { net.for_each(rows, row); }) net.for_each(rows, row);
  else
    for (std::int64_t i = 0; i < rows; ++i) row(i);
}

/// A row of tile(z, y, x, c) = image(mirrored place, c), normalised.
inline void read_row(image_view<float const> image, extent from, std::vector<linear_map> const& maps,
                     image_view<float> tile, int z, int y) {
  int const iz = mirrored(std::int64_t{from.depth} + z, image.size.depth);
  int const iy = mirrored(std::int64_t{from.height} + y, image.size.height);
  float* to = &tile(z, y, 0, 0);
  for (int x = 0; x < tile.size.width; ++x) {
    int const ix = mirrored(std::int64_t{from.width} + x, image.size.width);
    for (int c = 0; c < image.channels; ++c) *to++ = maps[static_cast<std::size_t>(c)](image(iz, iy, ix, c));
  }
}

/// Calls sink(image z, y, x, logits of the pixel) once for every pixel of the image, perhaps for several at the same
/// time.
/// memory  one tile and one output, whatever the image
template <inferring_net Net, class Sink>
void for_each_prediction(Net& net, image_view<float const> input, predict_options const& options, Sink&& sink) {
  using model = typename Net::model_type;
  require_predictable(input, model::input_channels);
  tile_facts facts = facts_of<model>();
  if (options.margin) {
    int const pixels = std::clamp(*options.margin, 0, 1 << 20);  // more than any tile has
    facts.margin = aligned_margin({facts.output.depth > 1 ? pixels : 0, pixels, pixels}, facts);
  }
  tiling const tiles(facts, input.size);
  std::vector<linear_map> const maps = maps_of(options.normalise, input);
  image<float> tile(facts.tile, model::input_channels), logits(facts.output, model::classes);
  auto const read = [&](std::int64_t i) {
    placed_tile const at = tiles[i];
    for_each_row(net, tile.size, [&](int z, int y) { read_row(input, at.input, maps, tile.view(), z, y); });
  };
  auto const give = [&](std::int64_t i) {
    placed_tile const at = tiles[i];
    for_each_row(net, at.size, [&](int z, int y) {
      for (int x = 0; x < at.size.width; ++x)
        sink(at.from.depth + z, at.from.height + y, at.from.width + x,
             &logits(at.offset.depth + z, at.offset.height + y, at.offset.width + x, 0));
    });
    if (options.progress) options.progress(i + 1, tiles.count());
  };
  auto const seen = image_view<float const>(tile.view());
  if constexpr (asynchronous_inferring_net<Net>) {
    read(0);
    net.start_infer(seen);
    for (std::int64_t i = 0; i < tiles.count(); ++i) {
      bool const more = i + 1 < tiles.count();
      if (more) read(i + 1);
      net.finish_infer(logits.view());
      if (more) net.start_infer(seen);
      give(i);
    }
  } else {
    for (std::int64_t i = 0; i < tiles.count(); ++i) {
      read(i);
      net.infer(seen, logits.view());
      give(i);
    }
  }
}

/// p[c] = exp(l[c]) / sum of exp(l), without overflow. In double: rounded once per class.
inline void softmax(float const* logits, int classes, float* probabilities) {
  float const top = *std::max_element(logits, logits + classes);
  double sum = 0;
  for (int c = 0; c < classes; ++c) sum += std::exp(static_cast<double>(logits[c]) - top);
  for (int c = 0; c < classes; ++c)
    probabilities[c] = static_cast<float>(std::exp(static_cast<double>(logits[c]) - top) / sum);
}

}  // namespace detail

/// The probability of each class at each pixel of an image of any size from 1×1 up.
///
/// shapes  image: z×y×x×input_channels → z×y×x×classes; a 2-D model takes a stack slice by slice
/// border  mirrored without repeating the edge, for valid and padded models alike: the outermost
///         zeros of a padded model lie in the margin that its tiles are not trusted with
/// law     the result does not depend on how the image is cut, given exact or fixed-order sums in the net
/// throws  std::invalid_argument: no pixels, wrong channels, a value that is not finite, a tile too small
template <inferring_net Net>
image<float> predict(Net& net, image_view<float const> input, predict_options const& options = {}) {
  constexpr int classes = Net::model_type::classes;
  // Checked first: a bad image must not cost the memory of a result.
  detail::require_predictable(input, Net::model_type::input_channels);
  image<float> result(input.size, classes);
  detail::for_each_prediction(net, input, options, [&](int z, int y, int x, float const* logits) {
    float* const to = &result(z, y, x, 0);
    if (options.output == prediction::logits) std::copy_n(logits, classes, to);
    else detail::softmax(logits, classes, to);
  });
  return result;
}

template <inferring_net Net>
image<float> predict(Net& net, image<float> const& input, predict_options const& options = {}) {
  return predict(net, input.view(), options);
}

/// The likeliest class of each pixel; the lower class where two are equally likely. One byte per pixel.
template <inferring_net Net>
label_image predict_labels(Net& net, image_view<float const> input, predict_options const& options = {}) {
  constexpr int classes = Net::model_type::classes;
  static_assert(classes <= ignored, "predict_labels: labels are bytes and 255 means ignored. Use predict instead.");
  detail::require_predictable(input, Net::model_type::input_channels);
  label_image result(input.size);
  detail::for_each_prediction(net, input, options, [&](int z, int y, int x, float const* logits) {
    result(z, y, x, 0) = static_cast<std::uint8_t>(std::max_element(logits, logits + classes) - logits);
  });
  return result;
}

template <inferring_net Net>
label_image predict_labels(Net& net, image<float> const& input, predict_options const& options = {}) {
  return predict_labels(net, input.view(), options);
}

}  // namespace oxbow
