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

/// Fills tile pixel i, for any order of i: a functor over a counting iterator, for threads and kernels alike.
template <class Drawn> struct gather_pixel {
  sample_source source;
  sample_target target;
  Drawn drawn;
  extent corner;
  extent halo;  ///< pixels of the tile before the first label, per axis
  sampling how;

  OXBOW_DEVICE void operator()(std::int64_t i) const {
    extent const tile = target.input.size;
    int const x = static_cast<int>(i % tile.width);
    int const y = static_cast<int>(i / tile.width % tile.height);
    int const z = static_cast<int>(i / (std::int64_t{tile.width} * tile.height));
    source_place const place(drawn.coordinate(static_cast<float>(z), static_cast<float>(y), static_cast<float>(x)),
                             corner);

    int const channels = target.input.channels;
    auto const fill = [&](auto const& read) {
      for (int c = 0; c < channels; ++c) {
        std::int64_t const index = i * channels + c;
        target.input.data[index] = drawn.value(read(source.input, c), index);
      }
    };
    bool filled = false;
    if constexpr (Drawn::smoothing_maps > 0)
      if (smoothing_kernel const kernel = drawn.smoothing(); kernel.radius > 0) {
        fill(smoothed_sampler(place, source.input.size, kernel));
        filled = true;
      }
    if (filled) {  // smoothed
    } else if (how == sampling::linear) {
      fill(linear_sampler(place, source.input.size));
    } else {
      fill(cubic_sampler(place, source.input.size));
    }

    int const lz = z - halo.depth, ly = y - halo.height, lx = x - halo.width;
    if (target.labels.data && target.labels.size.contains(lz, ly, lx))
      target.labels(lz, ly, lx, 0) = nearest_pixel<std::uint8_t>(source.labels, place);
    if (target.weights.data && target.weights.size.contains(lz, ly, lx))
      target.weights(lz, ly, lx, 0) =
          source.weights.data ? linear_sampler(place, source.weights.size)(source.weights, 0) : 1.f;
  }
};

namespace detail {

/// Checks that the parts fit together, and returns the halo.
inline extent checked_halo(sample_source const& source, sample_target const& target) {
  auto const fail = [](std::string const& what) { throw std::runtime_error("gather: " + what); };
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
/// first pixel; the source goes on beyond its border as its mirror image.
/// throws  std::runtime_error where sizes or channels do not fit; nothing has been written then
template <class Drawn, class ForEach = serial_for>
void gather(sample_source const& source, Drawn const& drawn, extent corner, sample_target const& target,
            ForEach&& for_each = {}, sampling how = sampling::linear) {
  extent const halo = detail::checked_halo(source, target), tile = target.input.size;
  gather_pixel<Drawn> const pixel{source, target, drawn, corner, halo, how};
  for_each(std::int64_t{tile.depth} * tile.height, [&](std::int64_t row) {
    for (std::int64_t x = 0; x < tile.width; ++x) pixel(row * tile.width + x);
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
