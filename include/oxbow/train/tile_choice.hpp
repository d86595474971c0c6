// Which tile of which sample a training step looks at, and cutting it out.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <oxbow/core/extent.hpp>
#include <oxbow/core/mirror.hpp>
#include <oxbow/core/random.hpp>
#include <oxbow/core/random_key.hpp>
#include <oxbow/core/sample.hpp>
#include <oxbow/train/samples.hpp>

namespace oxbow {

/// A place for a tile. The fields of `corner` are z, y, x of the first pixel of the *output* in
/// the image; it may lie outside, where the mirrored image is read.
struct chosen_tile {
  std::size_t sample = 0;
  extent corner{0, 0, 0};
};

namespace detail {

/// A number below `count` from the first words of a stream. 53 bits, so that data sets beyond 2^32 pixels are chosen
/// from evenly as well.
inline std::size_t uniform_number(random_stream const& stream, std::size_t count) {
  random_words const w = stream.words(0);
  double const u = static_cast<double>(std::uint64_t{w.word[0]} << 21 | w.word[1] >> 11) * 0x1p-53;
  return std::min(static_cast<std::size_t>(u * static_cast<double>(count)), count - 1);
}

/// The tile whose output has pixel number `pixel` of the data set in its middle.
inline chosen_tile tile_around(samples const& data, std::int64_t pixel, extent output) {
  auto const [number, at] = data.find(pixel);
  extent const size = data[number].input.size;
  std::int64_t const plane = std::int64_t{size.height} * size.width;
  extent const middle{static_cast<int>(at / plane), static_cast<int>(at % plane / size.width),
                      static_cast<int>(at % size.width)};
  chosen_tile tile{number, {}};
  for (int axis = 0; axis < 3; ++axis) tile.corner[axis] = middle[axis] - output[axis] / 2;
  return tile;
}

}  // namespace detail

/// The tile of one example: a pure function of the key. The pixel in the middle of the output is
/// uniform over all pixels of the data set: big images come as often as their pixels demand, and
/// border pixels are seen as often as others, with mirrored surroundings.
inline chosen_tile choose_tile(samples const& data, random_key key, extent output) {
  random_stream const stream{key.seed, purpose::sample_choice, key.step, key.sample};
  auto const pixels = static_cast<std::size_t>(data.pixels());
  return detail::tile_around(data, static_cast<std::int64_t>(detail::uniform_number(stream, pixels)), output);
}

/// How tiles are chosen: every pixel equally likely in the middle of one, or every class, and within it every pixel.
enum class tile_sampling { pixels, classes };

/// Where the pixels of each class are, for choosing tiles by class.
/// memory  8 bytes a labelled pixel
class class_pixels {
 public:
  explicit class_pixels(samples const& data) {
    std::vector<std::vector<std::int64_t>> all(ignored);
    std::int64_t first = 0;
    for (std::size_t i = 0; i < data.size(); ++i) {
      auto const& labels = data[i].labels.data;
      for (std::size_t k = 0; k < labels.size(); ++k)
        if (labels[k] != ignored) all[labels[k]].push_back(first + static_cast<std::int64_t>(k));
      first += static_cast<std::int64_t>(labels.size());
    }
    for (auto& one : all)
      if (!one.empty()) of_.push_back(std::move(one));
  }

  int classes() const { return static_cast<int>(of_.size()); }  ///< that occur

  /// As choose_tile, but the class of the pixel in the middle is uniform over the classes that occur. Where every
  /// pixel is ignored it is choose_tile.
  chosen_tile choose(samples const& data, random_key key, extent output) const {
    if (of_.empty()) return choose_tile(data, key, output);
    random_stream const stream{key.seed, purpose::sample_choice, key.step, key.sample};
    auto const& pixels = of_[stream.below(4, static_cast<std::uint32_t>(of_.size()))];
    return detail::tile_around(data, pixels[detail::uniform_number(stream, pixels.size())], output);
  }

 private:
  std::vector<std::vector<std::int64_t>> of_;
};

/// Copies the tile whose first input pixel lies at `corner` of `whole`: input all over the tile,
/// labels and weights in its middle. Weights are 1 where the sample has none.
/// needs  tile.input, tile.labels and tile.weights allocated; tile minus output is even on each axis
template <class ForEach> void cut_tile(sample const& whole, extent corner, sample& tile, ForEach&& for_each) {
  extent const source = whole.input.size, in = tile.input.size, out = tile.labels.size;
  int const channels = tile.input.channels;
  extent const halo{(in.depth - out.depth) / 2, (in.height - out.height) / 2, (in.width - out.width) / 2};
  for_each(std::int64_t{in.depth} * in.height, [&](std::int64_t row) {
    int const z = static_cast<int>(row / in.height), y = static_cast<int>(row % in.height);
    int const sz = mirrored(std::int64_t{corner.depth} + z, source.depth);
    int const sy = mirrored(std::int64_t{corner.height} + y, source.height);
    int const oz = z - halo.depth, oy = y - halo.height;
    bool const labelled = oz >= 0 && oz < out.depth && oy >= 0 && oy < out.height;
    for (int x = 0; x < in.width; ++x) {
      int const sx = mirrored(std::int64_t{corner.width} + x, source.width);
      for (int c = 0; c < channels; ++c) tile.input(z, y, x, c) = whole.input(sz, sy, sx, c);
      int const ox = x - halo.width;
      if (!labelled || ox < 0 || ox >= out.width) continue;
      tile.labels(oz, oy, ox, 0) = whole.labels(sz, sy, sx, 0);
      tile.weights(oz, oy, ox, 0) = whole.weights.empty() ? 1.f : whole.weights(sz, sy, sx, 0);
    }
  });
}

}  // namespace oxbow
