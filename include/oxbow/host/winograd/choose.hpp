// Which convolutions are done by Winograd's algorithm, with which tile, and in which boxes.
#pragma once
#include <limits>

#include <oxbow/core/real.hpp>
#include <oxbow/host/geometry.hpp>
#include <oxbow/host/winograd/rounding.hpp>

namespace oxbow::on_host {

/// What of a network's options its kernels must know at compile time.
struct tuning {
  int winograd = 4;                                         ///< the largest tile of Winograd's convolution; 0: none
  real tolerance = std::numeric_limits<float>::infinity();  ///< what a convolution may lose to be faster
};

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

/// Fewer boxes than this for each thread are shared out with care: more even themselves out.
inline constexpr int few_boxes = 8;

/// Pixels of a step's output along each axis that a tile makes, all phases together.
constexpr int pixels_of(int tile) { return phases_of(tile) == 1 ? tile : 2 * tile; }

/// Are all transformed weights more than a last cache keeps beside the rest, so that boxes had better make theirs?
constexpr bool transforms_by_panel(int inputs, int outputs, int tile) {
  constexpr std::int64_t most = 20 << 20;
  std::int64_t const floats = std::int64_t{inputs} * outputs * phases_of(tile) * area_of(tile);
  return tile > 0 && floats * std::int64_t{sizeof(float)} > most;
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
  std::int64_t const area = area_of(tile), tiles = s.tiles(tile), taps = tile == 0 ? 9 : area;
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

/// The tile of the fastest algorithm that is allowed: the direct one (0) or F(2 × 2) … F(6 × 6).
constexpr int fastest_tile(fast_shape const& s, tuning const& allowed) {
  int best = 0;
  for (int tile = 2; tile <= allowed.winograd; tile += 2)
    if (tolerates(allowed.tolerance, tile, s.inputs, 9. * s.inputs) &&
        detail::cost_of(s, tile) < detail::cost_of(s, best))
      best = tile;
  return best;
}

/// The tile for a convolution or the gradient of one; 0 where it must be direct.
constexpr int winograd_tile(instruction const& i, tuning const& allowed) {
  bool const fits = (i.kind == op_kind::convolve || i.kind == op_kind::convolve_grad) && i.window == extent{1, 3, 3} &&
                    i.stride.volume() == 1 && i.dilation.volume() == 1 && i.out_size.depth == 1 &&
                    i.out_channels >= layout::block;
  if (!fits) return 0;
  return fastest_tile({i.in_channels, i.out_channels, i.out_size.height, i.out_size.width}, allowed);
}

/// A box with sizes rounded up to whole tiles of `tile` × `tile` pixels.
constexpr box whole_tiles(box b, int tile) {
  for (int a = 1; a < 3; ++a) b.size[a] = (b.size[a] + tile - 1) / tile * tile;
  return b;
}

/// Boxes of a step whose anchor is done with tiles of so many pixels: all begin on multiples of it, so a pixel's place
/// in its tile, and with it every bit, does not depend on the boxes. They may then depend on how many there had better
/// be: where they are few, a multiple of `sharers`.
constexpr step_tiles fast_tiles(instruction const& anchor, extent unit, int tile, int sharers) {
  // Tiles: the transforms of few channels stay in a cache of 1 MB. Two rows of them read less twice than one.
  constexpr int most = 42, widest = 21;
  extent const size = anchor.out_size;
  for (int a = 1; a < 3; ++a)
    for (int const step = unit[a]; unit[a] % tile != 0;) unit[a] += step;
  auto const parts = [](int length, int count) { return (length + count - 1) / count; };
  int const columns = parts(size.width, unit.width), rows = parts(size.height, unit.height);
  int const per_unit = unit.height / tile * (unit.width / tile);
  int const wanted = (anchor.in_channels <= 128 ? most : deep_box_tiles) / per_unit;
  int const across = parts(columns, widest * tile / unit.width > 0 ? widest * tile / unit.width : 1);
  int const width = parts(columns, across), height = wanted / width > 0 ? wanted / width : 1;
  int down = parts(rows, height);
  if (down * across < few_boxes * sharers)
    while (down < rows && down * across % sharers != 0) ++down;
  return {.unit = {1, unit.height, unit.width},
          .count = {size.depth, down, across},
          .input_channels = anchor.in_channels};
}

/// Into how many shares of channels, `most` at most, a step's boxes are cut, so that few of them keep `threads` threads
/// busy: each share transforms the inputs again. Many boxes even themselves out.
constexpr int even_shares(instruction const& anchor, step_tiles const& boxes, int most, int threads) {
  if (boxes.tiles() >= few_boxes * threads) return 1;
  double const transform = 5. / 16 / layout::blocks(anchor.out_channels);  // beside the products
  extent const largest = boxes.largest(anchor.out_size);
  auto const time = [&](int shares) {
    std::int64_t const rounds = (boxes.tiles() * shares + threads - 1) / threads;
    double const all = static_cast<double>(anchor.out_size.volume()) / threads,
                 whole_rounds = static_cast<double>(rounds * largest.volume()) / shares;
    return (shares % threads == 0 ? all : whole_rounds) * (1 + transform * shares);
  };
  int best = 1;
  for (int shares = 2; shares <= most; ++shares)
    if (time(shares) < time(best)) best = shares;
  return best;
}

/// Are transformed weights made in these boxes? Not where there are so many that each would transform for few tiles.
constexpr bool transforms_in_boxes(instruction const& anchor, step_tiles const& boxes, int tile) {
  constexpr int hardly_any = 2, enough_tiles = 24;
  return transforms_by_panel(anchor.in_channels, anchor.out_channels, tile) &&
         (boxes.tiles() <= hardly_any ||
          fast_shape{.rows = anchor.out_size.height, .columns = anchor.out_size.width}.tiles(pixels_of(tile)) >=
              enough_tiles * boxes.tiles());
}

/// Had boxes better pack weights as well, which are packed anew for each run? They are read twice and written once less
/// then, from memory and to it, but each box packs them again.
constexpr bool packs_in_boxes(instruction const& anchor, step_tiles const& boxes, int tile) {
  constexpr int hardly_any = 2;
  return boxes.tiles() <= hardly_any && phases_of(tile) == 1 && anchor.folded == none;
}

}  // namespace oxbow::on_host
