// Shapes and tiles of weight gradients, and the tile for a shape.
#pragma once
#include <cstdint>

#include <oxbow/cuda/tune/conv_tile.hpp>
#include <oxbow/cuda/tune/window_tile.hpp>

namespace oxbow::on_cuda {

/// The weight gradient of a 3×3 convolution of stride 1, summed over patches of rows × 8 pixels.
struct grad_tile {
  int rows = 0;               ///< of a patch, an even number
  int stages = 0;             ///< patches in shared memory
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

/// The weight gradient for any window: a warp owns 8 · octets outputs of warp_units units, a tap of 32 inputs each.
struct window_grad_tile {
  int warp_units = 0, octets = 0;     ///< octets: an even number
  int warps_c = 0, warps_k = 0;
  int pixels = 0;                     ///< of a patch, a multiple of 16
  int stages = 0;                     ///< patches in shared memory
  int blocks_per_sm = 2;

  static constexpr int unit = 32;   ///< inputs
  constexpr int threads() const { return 32 * warps_c * warps_k; }
  constexpr int units() const { return warp_units * warps_c; }
  constexpr int inputs() const { return unit * units(); }
  constexpr int outputs() const { return 8 * octets * warps_k; }
  /// Products of a thread: of its weights, and of its biases, those of the outputs or of the inputs.
  constexpr int fragments() const {
    return 2 * warp_units * octets + (octets / 2 > 2 * warp_units ? octets / 2 : 2 * warp_units);
  }
  constexpr bool operator==(window_grad_tile const&) const = default;
};

namespace tune {

constexpr int grad_tiles(conv_shape const& s) { return s.chunks() * ceil_div(s.outputs, grad_tile::outputs); }
constexpr int patches(conv_shape const& s, int rows) { return ceil_div(s.height, rows) * ceil_div(s.width, 8); }

/// Cycles of a patch, and what a tile takes besides: filling the pipeline, and storing. Fitted to measurements on an
/// H200 (docs/gpu-performance.md) of these patches when each layer had a launch of its own, two blocks on a
/// multiprocessor: within 5 % of two in three of them.
constexpr std::int64_t patch_cycles(grad_tile const& t, chip const& c, int element_bytes = 2) {
  // six warps with 24 products per pair of rows, or per row of 32-bit numbers
  return static_cast<std::int64_t>(t.rows * 36. * element_bytes * (1.47 + 0.84 / 2) / c.mma_per_cycle + 193. / 2);
}
inline constexpr std::int64_t grad_tile_cycles = 10'400 / 2;

/// The height of patches that takes least: high ones have fewer borders, low ones fit the image. The shape's inputs are
/// counted in channels, of so many bytes.
constexpr grad_tile pick_grad(conv_shape const& s, chip const& c, int element_bytes = 2) {
  grad_tile best{};
  std::int64_t least = 0;
  for (int rows = 4; rows <= 14; rows += 2) {
    if (element_bytes == 4 && rows % 4 != 0) continue;
    grad_tile t{rows, 2};
    int const fit = (c.shared / 2 - 2048) / t.stage_bytes(element_bytes);  // two blocks per multiprocessor
    if (fit < 2) continue;
    int const most = rows < 8 ? 4 : 3;  // with one more a high patch took 1 to 3 % longer
    t.stages = fit > most ? most : fit;
    std::int64_t const d = patches(s, rows) * patch_cycles(t, c, element_bytes);
    if (least == 0 || d < least) least = d, best = t;
  }
  return best;
}

/// The same, once per shape and chip.
template <conv_shape Shape, class Chip, int ElementBytes>
inline constexpr grad_tile picked_grad = pick_grad(Shape, Chip::limits, ElementBytes);

inline constexpr window_grad_tile large_window_grad{2, 8, 2, 2, 32, 4}, small_window_grad{1, 4, 1, 2, 64, 3};

/// The large tile, unless most of it would lie beyond the layer's channels.
constexpr window_grad_tile pick_grad(window_shape const& s) {
  int const units = s.taps() * (ceil_div(s.first, window_grad_tile::unit) + ceil_div(s.second, window_grad_tile::unit));
  return units > 2 && s.outputs > 64 ? large_window_grad : small_window_grad;
}
/// Cycles of a patch, taken to be those of 3×3 weights with as many products; nobody has measured them.
constexpr std::int64_t patch_cycles(window_grad_tile const& t, chip const& c) {
  double const products = t.inputs() / 16 * (t.outputs() / 8) * (t.pixels / 16);
  return static_cast<std::int64_t>(products * (1.47 + 0.84 / 2) / c.mma_per_cycle + 193. / 2);
}

}  // namespace tune
}  // namespace oxbow::on_cuda
