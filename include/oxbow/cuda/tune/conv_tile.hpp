// Shapes and tiles of 3×3 convolutions, and the tile for a shape: a pure function of the shape and the chip.
#pragma once
#include <initializer_list>
#include <numeric>

#include <oxbow/cuda/tune/chip.hpp>

namespace oxbow::on_cuda {

/// What a convolution finds where its window leaves the input.
enum class beyond { never, zeros, mirror };   ///< never: the window stays inside

/// A 3×3 convolution of stride 1. Its input is one tensor, or the channels of two, one after the other.
struct conv_shape {
  int height, width;                ///< of the output
  int first, second;                ///< channels of the two inputs, in units of 16 bits; second may be 0
  int outputs;                      ///< channels; where two tensors are written, each is rounded up to 8
  int pad = 0;                      ///< rows and columns around the input that exist for the window alone
  beyond edge = beyond::never;

  static constexpr int chunk = 32;  ///< such units that are in shared memory at a time: 64 bytes of a pixel
  constexpr int first_chunks() const { return tune::ceil_div(first, chunk); }
  constexpr int chunks() const { return first_chunks() + tune::ceil_div(second, chunk); }
  constexpr int in_height() const { return height + 2 - 2 * pad; }
  constexpr int in_width() const { return width + 2 - 2 * pad; }
  constexpr bool operator==(conv_shape const&) const = default;
};

/// Pixels and channels of one block, and how its warps share them.
struct conv_tile {
  int warp_rows, warp_octets;       ///< pixels of a warp: rows (an even number) × (8 · octets)
  int warps_y, warps_x, warps_k;    ///< warps over the tile: rows, columns, channels
  int output_octets;                ///< output channels of a warp / 8, a multiple of 4
  int stages;                       ///< of weights in shared memory
  int grid = 0;                     ///< blocks; 0: one per tile. Else tiles that do not fill a round are shared by all
  bool outputs_first = true;        ///< neighbouring blocks share pixels, not weights
  int blocks_per_sm = 2;

  constexpr int warps() const { return warps_y * warps_x * warps_k; }
  constexpr int threads() const { return 32 * warps(); }
  constexpr int height() const { return warps_y * warp_rows; }
  constexpr int width() const { return warps_x * warp_octets * 8; }
  constexpr int outputs() const { return warps_k * output_octets * 8; }
  constexpr int tiles(conv_shape const& s) const {
    return tune::ceil_div(s.height, height()) * tune::ceil_div(s.width, width()) * tune::ceil_div(s.outputs, outputs());
  }
  /// Bytes: two chunks of the pixels with their border, and the stages of weights, each a column of three taps.
  constexpr int halo_bytes() const { return conv_shape::chunk * 2 * (height() + 2) * (width() + 2); }
  constexpr int column_bytes() const { return 3 * conv_shape::chunk * 2 * outputs(); }
  constexpr int shared_bytes() const { return 2 * halo_bytes() + stages * column_bytes(); }
  /// Registers of a thread, estimated: sums, fragments of pixels and weights, addresses.
  constexpr int registers() const {
    return warp_rows / 2 * warp_octets * output_octets * 4 + warp_octets * (warp_rows / 2 + 1) * 4 + 16 + 56;
  }
  constexpr int resident(chip const& c) const {
    int const by_shared = c.shared / (shared_bytes() + 1024);
    int const by_registers = c.registers / (threads() * ((registers() + 7) / 8 * 8));
    return by_shared < by_registers ? by_shared : by_registers;
  }
  constexpr bool operator==(conv_tile const&) const = default;
};

namespace tune {

/// Tiles that are cut over all blocks: those that do not fill a round, with a whole round more where a block's share
/// would be less than two chunks.
constexpr int split_tiles(int tiles, int grid, int chunks) {
  int const rest = tiles % grid;
  return rest == 0 || rest * chunks >= 2 * grid || tiles < 2 * grid ? rest : rest + grid;
}

/// Bytes of sums that blocks leave and others read: all blocks of a shared tile but the last leave as many as it has.
constexpr double handed_over(conv_shape const& s, conv_tile const& t) {
  int const grid = t.grid ? t.grid : t.tiles(s), split = split_tiles(t.tiles(s), grid, s.chunks());
  if (split == 0) return 0;
  // Block b begins at chunk b · split · chunks / grid, rounded down. Of all blocks so many begin with a tile:
  int const common = std::gcd(grid, split), whole = common * ceil_div(grid, common * s.chunks());
  return 2. * 4 * (grid - whole) * t.height() * t.width() * t.outputs();
}

/// Microseconds. The first three are bounds from counts, each of the busiest multiprocessor or of the whole chip.
struct conv_cost {
  double tensor, shared, l2;
  double time;  ///< what to expect: see below
  double rank;  ///< the tile that has the least is picked
};

/// The time is a sum of what the busiest multiprocessor does, in cycles, fitted to 196 tiles of the layers of
/// unet_2015 on an H200 (docs/gpu-performance.md): within 11 % of two in three of them, and of the tiles measured those
/// that it ranks first take 2 % longer than the best. It knows nothing of L2's bandwidth. So a third of the largest
/// bound is added for the rank, which decides where the fit sees 2 % or less between two tiles.
///
/// A chip that nobody has measured is taken to be alike, but for the figures of `chip`. Its bounds from counts are what
/// is certain of it and weigh more than the time, and what blocks hand over counts as if L2 did not keep it: with these
/// weights a prediction of unet_2015 moves less than 1.2 times the fewest bytes at a small bound.
constexpr conv_cost cost_of(conv_shape const& s, conv_tile const& t, chip const& c) {
  int const tiles = t.tiles(s), grid = t.grid ? t.grid : tiles, all = s.chunks(), split = split_tiles(tiles, grid, all);
  int const blocks = ceil_div(grid, c.multiprocessors), most = t.resident(c) < 3 ? t.resident(c) : 3;
  int const together = blocks < most ? blocks : most;
  double const busiest = double(blocks) * ((tiles - split) / grid * all + ceil_div(split * all, grid));  // chunks
  double const multiplies = 18. * t.warp_rows / 2 * t.warp_octets * t.output_octets * t.warps();  // of a chunk
  double const fragments =
      t.warps() * (6. * t.warp_octets * (t.warp_rows + 1) * 4 + 18. * t.output_octets / 2 * 4);
  double const bytes = t.halo_bytes() + 3. * t.column_bytes();
  double const shared_sums = split == 0 ? 0. : double(t.height()) * t.width() * t.outputs() * blocks *
                                                    (tiles > grid ? tiles / grid : 1);
  double const microseconds = 1e6 / c.clock;

  conv_cost r{};
  r.tensor = busiest * multiplies / c.mma_per_cycle * microseconds;
  r.shared = busiest * (fragments + bytes / 128) * microseconds;
  double const handed = handed_over(s, t);
  r.l2 = (double(tiles) * all * bytes + 2. * s.height * s.width * s.outputs + handed) / c.l2 * 1e6;
  double const passes = double(blocks) / together * (tiles > grid ? double(tiles) / grid : 1.);
  r.time = (busiest * (1.17 * multiplies / c.mma_per_cycle + 0.52 * fragments) +
            3 * busiest * 247 / together +          // a barrier for each column of taps
            5977. * passes + 0.24 * shared_sums) *  // filling the pipeline and storing; adding sums
           microseconds;
  double const bound = r.tensor > r.shared && r.tensor > r.l2 ? r.tensor : r.shared > r.l2 ? r.shared : r.l2;
  r.rank = r.time + (c.measured ? 0.35 * bound : 4 * bound + 1.5 * handed / c.memory * 1e6);
  return r;
}

/// Can the kernel run with this tile, and can a multiprocessor hold two blocks, so that one computes while the other
/// fills its pipeline or stores?
constexpr bool is_sound(conv_shape const& s, conv_tile const& t, chip const& c) {
  if (t.column_bytes() / 16 % t.threads() != 0 || t.resident(c) < 2) return false;
  if (t.grid == 0) return true;
  int const split = split_tiles(t.tiles(s), t.grid, s.chunks());
  return split == 0 || split * s.chunks() >= t.grid;
}

/// What a sink asks of the tile.
enum class tile_need {
  nothing,
  whole_outputs,   ///< a warp owns all output channels of its pixels: logits
  whole_and_room,  ///< and registers are left for more than the sums: a loss
};

/// Every tile of 4, 6 or 8 warps that is sound; the cheapest wins. Where a sink needs all channels, no tile is shared.
constexpr conv_tile pick(conv_shape const& s, chip const& c, tile_need need = tile_need::nothing) {
  bool const whole_outputs = need != tile_need::nothing, may_share = !whole_outputs;
  int const room = need == tile_need::whole_and_room ? 120 : 156;  // for sums and fragments of pixels
  conv_tile best{};
  double least = 1e30;
  auto const consider = [&](conv_tile t) {
    if (!is_sound(s, t, c)) return;
    double const d = cost_of(s, t, c).rank;
    if (d < least) least = d, best = t;
  };
  // images smaller than any tile are a last resort
  for (bool last_resort : {false, true}) {
    if (best.warps_k > 0) break;
    for (int warps = 4; warps <= 8; warps += 2)
      for (int rows = 4; rows <= 16; rows += 2)
        for (int octets = 1; octets <= 2; ++octets)
          for (int n = 4; n <= 8; n += 4)
            for (int k = 1; k <= 4; k *= 2)
              for (int y = 1; y * k <= warps; ++y) {
                int const sums = rows / 2 * octets * n * 4, fragments = octets * (rows / 2 + 1) * 4;
                if (warps % (k * y) || sums + fragments > room || sums < 48) continue;
                conv_tile t{rows, octets, y, warps / (k * y), k, n, 3};
                if (whole_outputs && (k > 1 || octets > 1 || t.outputs() < s.outputs)) continue;
                bool const vast = t.outputs() >= 2 * s.outputs || t.height() > s.height + 6 || t.width() > s.width + 8;
                if (vast && !last_resort) continue;
                if (t.resident(c) < 2) t.stages = 2;
                int const resident = t.resident(c);
                t.blocks_per_sm = resident > 3 ? 3 : resident;
                t.outputs_first = 9l * s.outputs < long(s.height + 2) * (s.width + 2);
                consider(t);
                if (!may_share) continue;
                int const tiles = t.tiles(s);
                t.grid = t.blocks_per_sm * c.multiprocessors, consider(t);
                if (warps == 8) t.grid = c.multiprocessors, consider(t);
                for (int parts = 4; parts >= 2; parts -= 2)
                  if (s.chunks() % parts == 0 && parts * tiles <= 4 * c.multiprocessors)
                    t.grid = parts * tiles, consider(t);
              }
  }
  return best;
}

/// The same, once per shape and chip however often it is asked for: a compiler takes its time over it.
template <conv_shape Shape, class Chip, tile_need Need = tile_need::nothing>
inline constexpr conv_tile picked = pick(Shape, Chip::limits, Need);

}  // namespace tune
}  // namespace oxbow::on_cuda
