// Shapes and tiles of convolutions with any window, and of up-convolutions; the tile for a shape.
#pragma once
#include <oxbow/cuda/tune/chip.hpp>

namespace oxbow::on_cuda {

/// A convolution as a product of (pixels × taps · channels) and (taps · channels × columns). Output pixel y reads with
/// tap t the input row v = y · stride + t · dilation − pad; with `spread` s only rows v that s divides exist, as row
/// v / s: that is the data gradient of a convolution of stride s. The columns are the output channels, rounded up to 8,
/// once per phase: phase (i, j) of pixel (y, x) is stored at (y · phases_y + i, x · phases_x + j).
struct window_shape {
  int height, width;             ///< pixels of the product
  int first, second;             ///< channels of the two inputs, in units of 16 bits
  int outputs;                   ///< channels, a multiple of 8
  int taps_y = 1, taps_x = 1;
  int stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1, pad_y = 0, pad_x = 0, spread_y = 1, spread_x = 1;
  int phases_y = 1, phases_x = 1;
  bool mirror = false;           ///< beyond the input lies its mirror image, not zeros

  constexpr int columns() const { return outputs * phases_y * phases_x; }
  constexpr int taps() const { return taps_y * taps_x; }
};

/// What a kernel may take for granted of what it reads.
enum class window_reads {
  anything,
  dense,  ///< one source, whole chunks of its channels, every tap of every pixel within it: up-convolutions of a U-Net
};

/// `m_tiles` · 16 pixels and `octets` · 8 columns per warp; the warps of a block side by side.
struct window_tile {
  int m_tiles, octets;           ///< octets: a multiple of 4
  int warps_m, warps_n;
  int chunk;                     ///< units of input channels in shared memory at a time, a multiple of 16
  int stages;
  int blocks_per_sm = 2;

  constexpr int threads() const { return 32 * warps_m * warps_n; }
  constexpr int pixels() const { return 16 * m_tiles * warps_m; }
  constexpr int columns() const { return 8 * octets * warps_n; }
  constexpr int stage_bytes() const { return 2 * chunk * (pixels() + columns()); }
  /// Blocks that a multiprocessor holds at once, at most three. The registers of a thread are an estimate: its sums,
  /// and 76 more.
  constexpr int resident(chip const& c) const {
    int const by_shared = c.shared / (stages * stage_bytes() + 1024);
    int const by_registers = c.registers / (threads() * (4 * m_tiles * octets + 76));
    int const most = by_shared < by_registers ? by_shared : by_registers;
    return most < 3 ? most : 3;
  }
  constexpr bool operator==(window_tile const&) const = default;
};

namespace tune {

constexpr int blocks(window_shape const& s, window_tile const& t) {
  return ceil_div(s.height * s.width, t.pixels()) * ceil_div(s.columns(), t.columns());
}

/// The tile that leaves the busiest multiprocessor with the least work. Work is counted in products of 16 × 8 × 16,
/// with a few more for the loads that surround them, which weigh more in small tiles. Few stages of these kernels
/// follow one another, so that what a block waits for is hidden by others: on an H200 three tiles of 64 × 128 at a time
/// took .6 to .9 of the time of two of 128 × 128, for every up-convolution of unet_2015, there and back. On a chip that
/// nobody has measured the larger tile is taken, which asks less of L2.
constexpr window_tile pick(window_shape const& s, chip const& c) {
  constexpr window_tile candidates[] = {{4, 8, 2, 2, 64, 2}, {4, 8, 4, 1, 64, 2}, {2, 8, 2, 2, 64, 3},
                                        {2, 8, 4, 1, 64, 2}, {2, 4, 4, 1, 32, 3}, {1, 4, 4, 1, 32, 3}};
  window_tile best = candidates[0];
  double least = 1e30;
  for (window_tile const& t : candidates) {
    if (t.chunk > 32 && s.first <= 32 && s.second <= 32) continue;
    int const chunks = ceil_div(s.first, t.chunk) + ceil_div(s.second, t.chunk);
    double const rounds = ceil_div(blocks(s, t), c.multiprocessors);
    double const block = t.warps_m * t.warps_n * (t.m_tiles * t.octets + t.octets + 2. * t.m_tiles + 6.);
    double const d = rounds * block * chunks * t.chunk * s.taps() / (c.measured ? t.resident(c) : 1);
    if (d < least) least = d, best = t;
  }
  return best;
}

}  // namespace tune
}  // namespace oxbow::on_cuda
