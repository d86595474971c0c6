// One sample in one pass: every tile pixel fetches its grey values, class and weight from where it came from.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>

#include <oxbow/augment/pipeline.hpp>
#include <oxbow/augment/sampling.hpp>
#include <oxbow/core/sample.hpp>
#include <oxbow/core/serial.hpp>
#include <oxbow/core/wording.hpp>

namespace oxbow {

/// What a sample is taken from; all parts have one extent. A null pointer means that there is no such part.
struct sample_source {
  image_view<float const> input{};
  image_view<std::uint8_t const> labels{};
  image_view<float const> weights{};
};

/// Where it goes: a tile, and the middle of it for labels and weights. A null pointer leaves a part out; weights are
/// filled with 1 where the source has none.
struct sample_target {
  image_view<float> input{};
  image_view<std::uint8_t> labels{};
  image_view<float> weights{};
};

inline sample_source source_of(sample const& s) { return {s.input.view(), s.labels.view(), s.weights.view()}; }
inline sample_target target_of(sample& s) { return {s.input.view(), s.labels.view(), s.weights.view()}; }

/// Fills some tile pixels side by side in a row, all at once: a loop over them in each step, which becomes vector
/// instructions. A kernel fills one. Pixels beyond the row's end are computed and not stored.
template <class Drawn> struct gather_pixels {
  sample_source source;
  sample_target target;
  Drawn drawn;
  extent corner;
  extent halo;  ///< pixels of the tile before the first label, per axis
  sampling how;

  template <int Count> OXBOW_DEVICE void fill(int z, int y, int x) const {
    positions<Count> at{lanes_of<Count>(static_cast<float>(z)), lanes_of<Count>(static_cast<float>(y)), {}};
    for (int i = 0; i < Count; ++i) at.x[i] = static_cast<float>(x + i);
    source_places<Count> const places(drawn.pull(at), corner);
    bool const inside = are_inside(places, source.input.size, source.input.channels);

    int const channels = target.input.channels, left = target.input.size.width - x, count = left < Count ? left : Count;
    std::int64_t const first = target.input.size.index(z, y, x) * channels;
    for (int c = 0; c < channels; ++c) {
      auto const values = drawn.values(read(places, c, inside), first + c, channels);
      for (int i = 0; i < count; ++i) target.input.data[first + i * channels + c] = values[i];
    }

    // The pixels that have a label: their places in its row.
    extent const size = target.labels.data ? target.labels.size : target.weights.size;
    int const lz = z - halo.depth, ly = y - halo.height, lx = x - halo.width;
    if (lz < 0 || lz >= size.depth || ly < 0 || ly >= size.height) return;
    int const from = lx < 0 ? -lx : 0, to = lx + count > size.width ? size.width - lx : count;
    if (from >= to) return;
    std::int64_t const row = size.index(lz, ly, 0) + lx;
    if (target.labels.data) {
      auto const labels = read_nearest(source.labels, places, inside);
      for (int i = from; i < to; ++i) target.labels.data[row + i] = labels[i];
    }
    if (target.weights.data) {
      auto weights = lanes_of<Count>(1.f);
      if (source.weights.data) weights = read_linear(source.weights, places, 0, inside);
      for (int i = from; i < to; ++i) target.weights.data[row + i] = weights[i];
    }
  }

 private:
  template <int Count>
  OXBOW_DEVICE lanes<float, Count> read(source_places<Count> const& places, int c, bool inside) const {
    extent const size = source.input.size;
    lanes<float, Count> values;
    if constexpr (Drawn::smoothing_maps > 0)
      if (smoothing_kernel const kernel = drawn.smoothing(); kernel.radius > 0) {
        for (int i = 0; i < Count; ++i) values[i] = smoothed_pixels(places[i], size, kernel)(source.input, c);
        return values;
      }
    if (how == sampling::linear) return read_linear(source.input, places, c, inside);
    for (int i = 0; i < Count; ++i) values[i] = cubic_pixels(places[i], size)(source.input, c);
    return values;
  }
};

/// Fills tile pixel i, for any order of i: a functor over a counting iterator, for kernels.
template <class Drawn> struct gather_pixel : gather_pixels<Drawn> {
  OXBOW_DEVICE void operator()(std::int64_t i) const {
    extent const tile = this->target.input.size;
    std::int64_t const row = i / tile.width;
    this->template fill<1>(static_cast<int>(row / tile.height), static_cast<int>(row % tile.height),
                           static_cast<int>(i % tile.width));
  }
};

namespace detail {

/// Checks that the parts fit together, and returns the halo.
inline extent checked_halo(sample_source const& source, sample_target const& target) {
  auto const fail = [](std::string const& what) { throw std::invalid_argument("gather: " + what); };
  extent const whole = source.input.size, tile = target.input.size;
  if (!source.input.data || whole.depth < 1 || whole.height < 1 || whole.width < 1)
    fail("the source image has no pixels; give one of 1 × 1 or more.");
  if (!target.input.data || tile.depth < 1 || tile.height < 1 || tile.width < 1)
    fail("the tile has no pixels; give the model's tile extent.");
  if (source.input.channels != target.input.channels)
    fail("the source image has " + std::to_string(source.input.channels) + " channels and the tile " +
         std::to_string(target.input.channels) + "; they must be equal.");
  if (target.labels.data && !source.labels.data) fail("labels are asked for, but the source has none.");
  if (source.labels.data && source.labels.size != whole)
    fail("the labels measure " + size_text(source.labels.size) + " and the image " + size_text(whole) +
         "; they must be equal.");
  if (source.weights.data && source.weights.size != whole)
    fail("the weights measure " + size_text(source.weights.size) + " and the image " + size_text(whole) +
         "; they must be equal.");
  if (!target.labels.data && !target.weights.data) return {0, 0, 0};
  extent const output = target.labels.data ? target.labels.size : target.weights.size;
  if (target.labels.data && target.weights.data && target.weights.size != output)
    fail("the weight tile measures " + size_text(target.weights.size) + " and the label tile " + size_text(output) +
         "; they must be equal.");
  extent halo{0, 0, 0};
  for (int axis = 0; axis < 3; ++axis) {
    int const lost = tile[axis] - output[axis];
    if (lost < 0 || lost % 2)
      fail("labels of " + size_text(output) + " do not lie in the middle of a tile of " + size_text(tile) +
           "; the difference must be even and not negative on every axis.");
    halo[axis] = lost / 2;
  }
  return halo;
}

}  // namespace detail

/// Fills the target from the source, moved and changed as drawn. The corner is the source pixel under the tile's
/// first pixel; the source goes on beyond its border as its mirror image. Where a blur is drawn, pixels are
/// read linearly whatever `how` says.
/// throws  std::invalid_argument where sizes or channels do not fit; nothing has been written then
template <class Drawn, class ForEach = serial_for>
void gather(sample_source const& source, Drawn const& drawn, extent corner, sample_target const& target,
            ForEach&& for_each = {}, sampling how = sampling::linear) {
  extent const halo = detail::checked_halo(source, target), tile = target.input.size;
  gather_pixels<Drawn> const pixels{source, target, drawn, corner, halo, how};
  constexpr int at_once = 16;
  for_each(std::int64_t{tile.depth} * tile.height, [&](std::int64_t row) {
    int const z = static_cast<int>(row / tile.height), y = static_cast<int>(row % tile.height);
    for (int x = 0; x < tile.width; x += at_once) pixels.template fill<at_once>(z, y, x);
  });
}

/// The same between samples; the target's parts have been allocated.
template <class Drawn, class ForEach = serial_for>
void gather(sample const& source, Drawn const& drawn, extent corner, sample& target, ForEach&& for_each = {},
            sampling how = sampling::linear) {
  gather(source_of(source), drawn, corner, target_of(target), for_each, how);
}

/// The same into a sample of its own, with labels and weights of the output extent where the source has them.
template <class Drawn, class ForEach = serial_for>
sample gather(sample const& source, Drawn const& drawn, extent corner, extent tile, extent output,
              ForEach&& for_each = {}, sampling how = sampling::linear) {
  sample s;
  s.input = image<float>(tile, source.input.channels);
  if (!source.labels.empty()) s.labels = label_image(output);
  if (!source.weights.empty()) s.weights = image<float>(output);
  gather(source, drawn, corner, s, for_each, how);
  return s;
}

}  // namespace oxbow
