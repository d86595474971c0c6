// Which tiles cover an image, and which pixels each of them is trusted with.
#pragma once
#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <oxbow/core/extent.hpp>
#include <oxbow/core/wording.hpp>

namespace oxbow {

/// What tiling has to know of a model.
struct tile_facts {
  extent tile{}, output{};  ///< what goes in, what comes out
  extent halo{0, 0, 0};     ///< pixels lost per side; (tile − output) / 2
  extent margin{0, 0, 0};   ///< output pixels per side that depend on the padding of the tile's border
  int alignment = 1;        ///< product of pooling strides: a shift by a multiple moves the output with it

  /// Pooling along an axis of one output pixel cannot be; a 2-D model sees every slice alike.
  constexpr int step_unit(int axis) const { return output[axis] == 1 ? 1 : alignment; }
  /// Output pixels along `axis` that do not depend on the tile's border.
  constexpr int usable(int axis) const { return output[axis] - 2 * margin[axis]; }
};

/// A margin of so many pixels, rounded up so that tiles stay aligned.
constexpr extent aligned_margin(extent pixels, tile_facts const& model) {
  extent margin{0, 0, 0};
  for (int axis = 0; axis < 3; ++axis) {
    int const unit = model.step_unit(axis);
    margin[axis] = (pixels[axis] + unit - 1) / unit * unit;
  }
  return margin;
}

/// The facts of a model, with the margin that leaves no seams: Model::padding_reach, the output pixels per
/// side that the padding of the tile reaches. Valid convolutions lose theirs as halo and need none.
template <class Model> constexpr tile_facts facts_of() {
  static_assert(Model::keeps_scale, "predict: the output must have the scale of the tile and be its middle. Go up as "
                                    "often as down, and use windows that take as much on either side.");
  tile_facts f{.tile = Model::tile, .output = Model::output, .halo = Model::halo, .alignment = Model::alignment};
  f.margin = aligned_margin(Model::padding_reach, f);
  return f;
}

/// One tile of a tiling. Places are z, y, x in the fields of an extent; `input` may lie outside
/// the image, where the mirrored image is read.
struct placed_tile {
  extent input;   ///< where the tile begins, in the image
  extent offset;  ///< first trusted pixel, in the model's output
  extent from;    ///< where that pixel lies in the image
  extent size;    ///< trusted pixels from there on
};

/// Tiles whose trusted regions cover an image exactly once.
///
/// law   every tile begins at a multiple of the alignment from the first, so that all see the
///       same pooling grid; therefore the tiled result equals that of one tile as large as the image
/// cost  ceil(image / step) tiles per axis, step = usable rounded down to the alignment
class tiling {
 public:
  /// Throws std::invalid_argument where tiles of this size cannot be put together.
  constexpr tiling(tile_facts const& model, extent image) : model_{model}, image_{image} {
    for (int axis = 0; axis < 3; ++axis) {
      int const usable = model.usable(axis), unit = model.step_unit(axis), size = image[axis];
      if (size < 1) throw std::invalid_argument("predict: the image has no pixels, its size is " + size_text(image));
      if (usable < 1 || (usable < size && usable < unit)) throw std::invalid_argument(explain(axis));
      step_[axis] = usable < size ? usable / unit * unit : size;
      tiles_[axis] = usable < size ? 1 + (size - usable + step_[axis] - 1) / step_[axis] : 1;
    }
  }

  constexpr std::int64_t count() const { return tiles_.volume(); }
  constexpr extent counts() const { return tiles_; }  ///< tiles per axis

  /// The i-th tile, row by row.
  constexpr placed_tile operator[](std::int64_t i) const {
    std::int64_t const plane = std::int64_t{tiles_.height} * tiles_.width;
    extent const at{static_cast<int>(i / plane), static_cast<int>(i % plane / tiles_.width),
                    static_cast<int>(i % tiles_.width)};
    placed_tile p{.input = {}, .offset = model_.margin, .from = {}, .size = {}};
    for (int axis = 0; axis < 3; ++axis) {
      p.from[axis] = at[axis] * step_[axis];
      p.input[axis] = p.from[axis] - model_.margin[axis] - model_.halo[axis];
      p.size[axis] = at[axis] + 1 < tiles_[axis] ? step_[axis] : image_[axis] - p.from[axis];
    }
    return p;
  }

 private:
  /// Sizes of legal tiles differ by multiples of the alignment, hence the smallest that is enough.
  std::string explain(int axis) const {
    int const unit = model_.step_unit(axis), lacking = unit - model_.usable(axis);
    extent enough = model_.tile;
    enough[axis] += (lacking + unit - 1) / unit * unit;
    char const* const names[] = {"deep", "high", "wide"};
    return "predict: tiles of " + size_text(model_.tile) + " cannot cover an image of " + size_text(image_) +
           " without seams: of " + std::to_string(model_.output[axis]) + " output pixels along an axis, " +
           std::to_string(model_.margin[axis]) + " per side depend on padding, and the rest must be at least " +
           std::to_string(unit) + ". Take a model whose tile is at least " + std::to_string(enough[axis]) + " " +
           names[axis] + ", or choose a smaller options.margin and accept seams.";
  }

  tile_facts model_;
  extent image_;
  extent step_{}, tiles_{};
};

}  // namespace oxbow
