// Which convolutions are done by Winograd's algorithm, with which tile, and in which boxes.
#pragma once
#include <oxbow/host/geometry.hpp>
#include <oxbow/host/winograd/points.hpp>

namespace oxbow::on_host {

/// What the choice depends on: a 3 × 3 convolution with stride 1 of `inputs` channels to rows × columns pixels.
struct fast_shape {
  int inputs = 0, outputs = 0, rows = 0, columns = 0;

  constexpr std::int64_t tiles(int tile) const {
    if (tile == 0) return std::int64_t{rows} * columns;
    return std::int64_t{(rows + tile - 1) / tile} * ((columns + tile - 1) / tile);
  }
};

/// Tiles of a box of more than 128 input channels: many share the weights that stream in from memory.
inline constexpr int deep_box_tiles = 84;

/// Are all transformed weights more than a core's share of the last cache, so that boxes had better make theirs?
constexpr bool transforms_by_panel(int inputs, int outputs, int tile) {
  constexpr std::int64_t most = 10 << 20;
  return tile > 0 && std::int64_t{inputs} * outputs * (tile + 2) * (tile + 2) * std::int64_t{sizeof(float)} > most;
}

namespace detail {

/// Bytes of weights that memory delivers while a core does one multiplication of vectors of 16; two cores together
/// get about 35 GB/s. What streams in while something is computed costs nothing until it takes longer.
inline constexpr std::int64_t bytes_per_product = 5, cached_bytes = 1 << 20;

/// The cost of a convolution in multiplications of vectors of 16 floats on one core.
///
/// tile  0: direct. Else Winograd's products, plus the transforms: about 5 instructions per transformed vector of the
///       input and 4 of the output, counted in the code that g++ makes of them, and 3 of the weights; as if weights
///       were transformed for every run, so that no bit depends on whether they are kept
constexpr std::int64_t cost_of(fast_shape const& s, int tile) {
  std::int64_t const in = s.inputs, out_blocks = (s.outputs + 15) / 16, in_blocks = (s.inputs + 15) / 16;
  std::int64_t const area = (tile + 2) * (tile + 2), tiles = s.tiles(tile), taps = tile == 0 ? 9 : area;
  std::int64_t const vectors = taps * in * out_blocks;
  bool const by_panel = transforms_by_panel(s.inputs, s.outputs, tile);
  std::int64_t const boxes = by_panel ? (tiles + deep_box_tiles - 1) / deep_box_tiles : 1;
  std::int64_t const bytes = (by_panel ? vectors / area * 9 * boxes : vectors) * 64;
  std::int64_t const compute =
      tile == 0 ? vectors * s.rows * s.columns
                : tiles * (vectors + 5 * area * in_blocks + 4 * area * out_blocks) + 3 * vectors * boxes;
  std::int64_t const stream = bytes > cached_bytes ? bytes / bytes_per_product : 0;
  return compute > stream ? compute : stream;
}

}  // namespace detail

/// The tile of the fastest algorithm among the direct one (0) and F(2 × 2) … F(most × most).
constexpr int fastest_tile(fast_shape const& s, int most) {
  int best = 0;
  for (int tile = 2; tile <= most; tile += 2)
    if (detail::cost_of(s, tile) < detail::cost_of(s, best)) best = tile;
  return best;
}

/// The tile for a convolution or the gradient of one; 0 where it must be direct.
constexpr int winograd_tile(instruction const& i, int most) {
  bool const fits = (i.kind == op_kind::convolve || i.kind == op_kind::convolve_grad) && i.window == extent{1, 3, 3} &&
                    i.stride.volume() == 1 && i.dilation.volume() == 1 && i.out_size.depth == 1 &&
                    i.out_channels >= layout::block;
  if (!fits) return 0;
  return fastest_tile({i.in_channels, i.out_channels, i.out_size.height, i.out_size.width}, most);
}

/// A box with sizes rounded up to whole tiles of `tile` × `tile` pixels.
constexpr box whole_tiles(box b, int tile) {
  for (int a = 1; a < 3; ++a) b.size[a] = (b.size[a] + tile - 1) / tile * tile;
  return b;
}

/// Boxes of a step whose anchor is done with `tile`: all begin on multiples of it, so a pixel's place in its tile, and
/// with it every bit, does not depend on the boxes. They may then depend on the number of threads: few boxes are
/// as many for each.
constexpr step_tiles fast_tiles(instruction const& anchor, extent unit, int tile, int threads) {
  constexpr int most = 42, widest = 32;  // tiles: the transforms of few channels stay in a cache of 1 MB
  extent const size = anchor.out_size;
  for (int a = 1; a < 3; ++a)
    for (int const step = unit[a]; unit[a] % tile != 0;) unit[a] += step;
  auto const parts = [](int length, int count) { return (length + count - 1) / count; };
  int const columns = parts(size.width, unit.width), rows = parts(size.height, unit.height);
  int const per_unit = unit.height / tile * (unit.width / tile);
  int const wanted = (anchor.in_channels <= 128 ? most : deep_box_tiles) / per_unit;
  int const across = parts(columns, widest * tile / unit.width > 0 ? widest * tile / unit.width : 1);
  int const width = parts(columns, across);
  int height = wanted / width > 0 ? wanted / width : 1;
  int down = parts(rows, height);
  if (down * across < 8 * threads)
    while (down < rows && down * across % threads != 0) ++down;
  height = parts(rows, down);
  step_tiles t{.tile = {1, height * unit.height, width * unit.width}, .input_channels = anchor.in_channels};
  for (int a = 0; a < 3; ++a) t.count[a] = parts(size[a], t.tile[a]);
  return t;
}

/// Are they made in boxes of this size? Not where threads want so many boxes that each would transform for few tiles.
constexpr bool transforms_in_boxes(instruction const& anchor, step_tiles const& boxes, int tile) {
  constexpr int few_boxes = 2, enough_tiles = 24;
  return transforms_by_panel(anchor.in_channels, anchor.out_channels, tile) &&
         (boxes.tiles() <= few_boxes || boxes.tile.height / tile * (boxes.tile.width / tile) >= enough_tiles);
}

}  // namespace oxbow::on_host
