// Shapes and tiles of weight gradients, and the tile for a shape.
#pragma once
#include <oxbow/cuda/tune/conv_tile.hpp>
#include <oxbow/cuda/tune/window_tile.hpp>

namespace oxbow::on_cuda {

/// The weight gradient of a 3×3 convolution of stride 1, summed over patches of rows × 8 pixels.
struct grad_tile {
  int rows;                   ///< of a patch, an even number
  int stages;                 ///< patches in shared memory
  int blocks_per_sm = 2;

  static constexpr int inputs = 32, outputs = 64, threads = 192;   ///< of a block
  /// Bytes between planes of the gradient: lanes that read 32-bit numbers one by one meet in no bank then.
  static constexpr int gap(int element_bytes) { return element_bytes == 4 ? 64 : 0; }
  constexpr int stage_bytes(int element_bytes = 2) const {
    return ((rows + 2) * 10 * inputs + rows * 8 * outputs) * element_bytes +
           outputs * element_bytes / 16 * gap(element_bytes);
  }
  constexpr bool operator==(grad_tile const&) const = default;
};

/// How many blocks share the pixels of one tile of weights.
struct grad_choice {
  grad_tile tile;
  int splits;

  /// Does the last of a tile's blocks add their sums? It takes about a microsecond for each.
  constexpr bool adds() const { return splits <= 5; }
};

/// The weight gradient for any window: a block owns 32 · warps_c inputs and 8 · octets · warps_k outputs of one tap.
struct window_grad_tile {
  int octets;                 ///< outputs of a warp / 8, an even number
  int warps_c, warps_k;
  int pixels;                 ///< of a stage, a multiple of 16
  int stages;
  int blocks_per_sm = 2;

  constexpr int threads() const { return 32 * warps_c * warps_k; }
  constexpr int inputs() const { return 32 * warps_c; }
  constexpr int outputs() const { return 8 * octets * warps_k; }
  constexpr bool operator==(window_grad_tile const&) const = default;
};

namespace tune {

constexpr int grad_tiles(conv_shape const& s) { return s.chunks() * ceil_div(s.outputs, grad_tile::outputs); }
constexpr int patches(conv_shape const& s, int rows) { return ceil_div(s.height, rows) * ceil_div(s.width, 8); }

/// Splits that fill the chip evenly; patches of the height that wastes least. The shape's inputs are counted in
/// channels, of so many bytes. In cycles of the busiest multiprocessor, fitted to measurements on an H200
/// (docs/gpu-performance.md) and within 5 % of two in three of them; and for the sums of several blocks the time L2
/// needs to take and give them.
constexpr grad_choice pick_grad(conv_shape const& s, chip const& c, int element_bytes = 2) {
  grad_choice best{};
  double least = 1e30;
  for (int rows = 4; rows <= 14; rows += 2)
    for (int splits = 1; splits <= 2 * c.multiprocessors; ++splits) {
      int const all = patches(s, rows), tiles = grad_tiles(s);
      if (splits > all || tiles * splits > 6 * c.multiprocessors) continue;
      if (element_bytes == 4 && rows % 4 != 0) continue;
      int const blocks = ceil_div(tiles * splits, c.multiprocessors), together = blocks < 2 ? blocks : 2;
      // six warps with 24 products per pair of rows, or per row of 32-bit numbers
      double const patch = rows * 36. * element_bytes * (1.47 + 0.84 / together) / c.mma_per_cycle + 193. / together;
      double const multiply = double(blocks) * ceil_div(all, splits) * patch + 10'400. * blocks / together;
      // sums that wait for finish_gradients go through memory, at less than half of L2's rate
      grad_choice choice{{rows, 2}, splits};
      double const add = double(splits + 1) * tiles * 73728 * 2 / (choice.adds() ? c.l2 : 0.4 * c.l2) * c.clock;
      double const d = multiply + add;
      int const fit = (c.shared / 2 - 1024) / choice.tile.stage_bytes(element_bytes);  // two blocks per multiprocessor
      if (fit < 2) continue;
      int const most = rows < 8 ? 4 : 3;  // with one more a high patch took 1 to 3 % longer
      choice.tile.stages = fit > most ? most : fit;
      if (d < least) least = d, best = choice;
    }
  return best;
}

/// The same, once per shape and chip.
template <conv_shape Shape, class Chip, int ElementBytes>
inline constexpr grad_choice picked_grad = pick_grad(Shape, Chip::limits, ElementBytes);

inline constexpr window_grad_tile large_window_grad{8, 2, 2, 64, 3}, small_window_grad{4, 1, 2, 64, 3};

/// Splits for a window: two blocks per multiprocessor, and no block without pixels.
constexpr int window_grad_splits(window_shape const& s, window_grad_tile const& t, chip const& c) {
  int const tiles = (ceil_div(s.first, t.inputs()) + ceil_div(s.second, t.inputs())) * s.taps() *
                    ceil_div(s.outputs, t.outputs());
  int const most = ceil_div(s.height * s.width, 2 * t.pixels), wish = ceil_div(2 * c.multiprocessors, tiles);
  return wish < 1 || most < 1 ? 1 : wish < most ? wish : most;
}

}  // namespace tune
}  // namespace oxbow::on_cuda
