// Which tile of which sample a training step looks at, and cutting it out.
#pragma once
#include <algorithm>
#include <cstdint>

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

/// The tile of one example: a pure function of the key. The pixel in the middle of the output is
/// uniform over all pixels of the data set: big images come as often as their pixels demand, and
/// border pixels are seen as often as others, with mirrored surroundings.
inline chosen_tile choose_tile(samples const& data, random_key key, extent output) {
  random_stream const stream{key.seed, purpose::sample_choice, key.step, key.sample};
  random_words const w = stream.words(0);
  // 53 bits, so that data sets beyond 2^32 pixels are chosen from evenly as well.
  double const u = static_cast<double>(std::uint64_t{w.word[0]} << 21 | w.word[1] >> 11) * 0x1p-53;
  auto const pixel = static_cast<std::int64_t>(u * static_cast<double>(data.pixels()));
  auto const [number, at] = data.find(std::min(pixel, data.pixels() - 1));
  extent const size = data[number].input.size;
  std::int64_t const plane = std::int64_t{size.height} * size.width;
  extent const middle{static_cast<int>(at / plane), static_cast<int>(at % plane / size.width),
                      static_cast<int>(at % size.width)};
  chosen_tile tile{number, {}};
  for (int axis = 0; axis < 3; ++axis) tile.corner[axis] = middle[axis] - output[axis] / 2;
  return tile;
}

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
