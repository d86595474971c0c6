// How a step is cut into tiles.
#pragma once
#include <oxbow/host/patch.hpp>
#include <oxbow/host/simd.hpp>
#include <oxbow/lower/geometry.hpp>

namespace oxbow::on_host {

/// How the anchor's output is cut into tiles: as many along each axis as `count` says, of about equal numbers of units.
struct step_tiles {
  extent unit{}, count{};
  int input_channels = 0;  ///< of a convolution, gathered at a time

  constexpr std::int64_t tiles() const { return count.volume(); }
  constexpr box at(std::int64_t i, extent size) const {
    extent const place{static_cast<int>(i / count.width / count.height),
                       static_cast<int>(i / count.width % count.height), static_cast<int>(i % count.width)};
    box b{};
    for (int a = 0; a < 3; ++a) {
      int const units = (size[a] + unit[a] - 1) / unit[a];
      auto const edge = [&](int n) {  // of the n-th tile
        int const pixel = static_cast<int>(std::int64_t{n} * units / count[a]) * unit[a];
        return pixel < size[a] ? pixel : size[a];
      };
      b.origin[a] = edge(place[a]);
      b.size[a] = edge(place[a] + 1) - b.origin[a];
    }
    return b;
  }
  /// The size of the largest tile, in whole units.
  constexpr extent largest(extent size) const {
    extent e = unit;
    for (int a = 0; a < 3; ++a) e[a] *= ((size[a] + unit[a] - 1) / unit[a] + count[a] - 1) / count[a];
    return e;
  }
};

/// About how many floats of a convolution's input, and pixels of its output, a thread works on at a time:
/// the input stays in a cache of 512 KB, and enough pixels share each weight that comes from memory.
inline constexpr int input_floats = 40 * 1024, output_pixels = 192, most_output_pixels = 1024, plain_floats = 32 * 1024;

/// A multiple of unit, not above `most` if that can be, that cuts `size` into about equal parts.
constexpr int even_part(int size, int most, int unit) {
  most = most / unit * unit;
  if (most < unit) most = unit;
  int const parts = (size + most - 1) / most;
  int const part = (size + parts - 1) / parts;
  return (part + unit - 1) / unit * unit;
}

/// unit: what a tile's size must be a multiple of. The tiles of a step depend on its shape alone.
template <class Arch> constexpr step_tiles tile_step(instruction const& anchor, extent unit) {
  extent const size = anchor.out_size;
  extent tile = unit;
  int input_channels = anchor.in_channels;
  bool const convolves = is_convolution(anchor.kind) || anchor.kind == op_kind::up_convolve;
  int pixels = plain_floats / (layout::blocks(anchor.out_channels) * layout::lanes(anchor.out_channels));
  if (convolves) {
    pixels = input_floats / (layout::blocks(anchor.in_channels) * layout::lanes(anchor.in_channels));
    pixels = pixels < output_pixels ? output_pixels : pixels > most_output_pixels ? most_output_pixels : pixels;
    int const other = 4 * plain_floats / anchor.out_channels;  // the output is not to outgrow the cache by far
    if (pixels > other) pixels = other < output_pixels ? output_pixels : other;
  }
  pixels /= unit.depth;
  int group = unit.width;
  while (convolves && group % micro_tile_of<Arch>().pixels != 0) group += unit.width;
  int const widest = size.width <= 72 ? size.width : 60;
  tile.width =
      size.width <= 72 ? (size.width + unit.width - 1) / unit.width * unit.width : even_part(size.width, widest, group);
  tile.height = even_part(size.height, pixels / tile.width, unit.height);
  if (convolves && is_convolution(anchor.kind)) {
    box const in = input_box(convolution_of(anchor), {{0, 0, 0}, tile});
    int const blocks = input_floats / static_cast<int>(in.size.volume() * layout::block);
    int const channels = (blocks < 1 ? 1 : blocks) * layout::block;
    if (channels < input_channels) input_channels = channels;
  }
  step_tiles t{.unit = tile, .input_channels = input_channels};
  for (int a = 0; a < 3; ++a) t.count[a] = (size[a] + tile[a] - 1) / tile[a];
  return t;
}

}  // namespace oxbow::on_host
