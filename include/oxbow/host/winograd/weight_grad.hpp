// The gradient of 3 × 3 weights by Winograd's algorithm.
#pragma once
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include <oxbow/host/block_view.hpp>
#include <oxbow/host/correlate.hpp>
#include <oxbow/host/winograd/choose.hpp>
#include <oxbow/host/winograd/weights.hpp>
#include <oxbow/host/winograd/transform.hpp>

namespace oxbow::on_host {
namespace detail {

/// dU (input, output) += Σ over tiles V (tile, input) · D (tile, output), for Inputs × Vectors · width sums.
/// du: the sums of a pair of vectors for one input after the other
/// first: of the tiles; nothing has been summed yet. later: what the next tiles are made of, for the second cache
template <class Arch, int Inputs, int Vectors>
[[gnu::noinline]] void multiply_tiles(float const* v, float const* const (&d)[Vectors], int tiles, bool first,
                                      float* du, run_of_lines later) {
  using vector = vec<Arch>;
  constexpr int width = width_of<Arch>, pair = 2 * width;
  vector sum[Inputs][Vectors];
#pragma GCC unroll 8
  for (int i = 0; i < Inputs; ++i)
#pragma GCC unroll 2
    for (int n = 0; n < Vectors; ++n)
      sum[i][n] = first ? vector(0.f) : vector::load_aligned(du + i * pair + n * width);
#pragma GCC unroll 2
  for (int t = 0; t < tiles; ++t) {
    if (t < later.count) __builtin_prefetch(later.first + t * layout::block, 0, 2);
    vector right[Vectors];
#pragma GCC unroll 2
    for (int n = 0; n < Vectors; ++n) right[n] = vector::load_aligned(d[n] + t * layout::block);
#pragma GCC unroll 8
    for (int i = 0; i < Inputs; ++i) {
      vector const left = vector::broadcast(v[t * layout::block + i]);
#pragma GCC unroll 2
      for (int n = 0; n < Vectors; ++n) sum[i][n] = multiply_add(left, right[n], sum[i][n]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Inputs; ++i)
#pragma GCC unroll 2
    for (int n = 0; n < Vectors; ++n) sum[i][n].store_aligned(du + i * pair + n * width);
}

}  // namespace detail

/// Channels of one side of a piece of work. Each piece transforms its channels of both images again: wide ones share.
constexpr int winograd_side(int channels) { return channels > 64 ? 128 : 64; }

/// dw = Gᵀ (Σ over tiles Bᵀ x B ⊙ A dy Aᵀ) G. A piece of work is some inputs × some outputs × some rows of tiles; its
/// sums are added in an order that depends on the shape alone, so that the bits do not depend on the threads.
///
/// cost  the transforms of a piece are made again for each group of the other side
template <class Arch, int Tile> class winograd_correlator {
 public:
  static constexpr int area = winograd<Tile>::area;

  explicit winograd_correlator(correlation const& c)
      : c_{c},
        in_side_{winograd_side(c.columns)},
        out_side_{winograd_side(c.rows)},
        inputs_{(c.columns + in_side_ - 1) / in_side_},
        outputs_{(c.rows + out_side_ - 1) / out_side_},
        rows_{(c.a_size.height + Tile - 1) / Tile},
        columns_{(c.a_size.width + Tile - 1) / Tile},
        chunks_{row_chunks(inputs_ * outputs_, rows_)} {
    int const wanted = tile_channels_wanted / (in_side_ + out_side_), parts = (columns_ + wanted - 1) / wanted;
    strip_columns_ = (columns_ + parts - 1) / parts;
    strip_rows_ = wanted / strip_columns_;
    int const longest = (rows_ + chunks_ - 1) / chunks_, cuts = (longest + strip_rows_ - 1) / strip_rows_;
    strip_rows_ = (longest + cuts - 1) / cuts;
  }

  /// Floats of memory shared by all threads, and of each thread.
  std::int64_t shared_floats() const {
    return chunks_ == 1 ? 0 : std::int64_t{inputs_} * outputs_ * chunks_ * piece_floats();
  }
  std::int64_t thread_floats() const {
    return piece_floats() + transformed_floats(in_side_) + transformed_floats(out_side_) +
           input_grid(strip_rows_, strip_columns_, 0, 0).gathered_floats();
  }

  /// gradient: (output, input, tap). Adds to it, and to the sums of dy, if `accumulate`.
  template <class Scratch> void run(thread_pool& pool, std::byte const* arena, float* shared, Scratch const& scratch,
                                    float* gradient, bool accumulate) const {
    std::int64_t const pieces = std::int64_t{inputs_} * outputs_;
    sums_of_dy sums{c_, out_side_, chunks_};
    pool.run(pieces * chunks_, [&](int thread, std::int64_t i) {
      float* const memory = scratch(thread);
      float* const du = chunks_ == 1 ? memory : shared + i * piece_floats();
      int const piece = static_cast<int>(i / chunks_), number = static_cast<int>(i % chunks_);
      chunk(piece % inputs_, piece / inputs_, number, arena, du, memory + piece_floats(),
            piece % inputs_ == 0 ? sums.of(piece / inputs_, number) : nullptr);
      if (chunks_ == 1) finish(piece % inputs_, piece / inputs_, 0, in_side_, du, gradient, accumulate);
    });
    sums.write(accumulate);
    if (chunks_ == 1) return;
    int const blocks = layout::blocks(in_side_);
    pool.run(pieces * blocks, [&](int, std::int64_t i) {
      int const piece = static_cast<int>(i / blocks), first = static_cast<int>(i % blocks) * layout::block;
      finish(piece % inputs_, piece / inputs_, first, first + layout::block, shared + piece * chunks_ * piece_floats(),
             gradient, accumulate);
    });
  }

 private:
  /// Tiles of a strip times the channels that are transformed for them. Two rows of points are 1.2 MB, about a second
  /// cache; with fewer tiles sums are read and written for too few products.
  static constexpr int tile_channels_wanted = 96 * 256;
  /// Between two points: no power of two, so that those of one weight lie in different sets of a cache.
  std::int64_t point_floats() const { return std::int64_t{in_side_} * out_side_ + layout::block; }
  std::int64_t piece_floats() const { return area * point_floats(); }
  /// Where the sum of an input and an output lies among those of a point: (pair of vectors, input, output).
  std::ptrdiff_t sum_at(int input, int output) const {
    constexpr int pair = 2 * width_of<Arch>;
    return (std::ptrdiff_t{output / pair} * in_side_ + input) * pair + output % pair;
  }

  /// One side's two rows of points of a strip's tiles.
  static tile_groups transformed(int tiles, int side) { return {tiles, layout::blocks(side), tiles}; }
  std::int64_t transformed_floats(int side) const {
    return 2 * winograd<Tile>::size * transformed(strip_rows_ * strip_columns_, side).point_floats;
  }
  tile_grid input_grid(int rows, int columns, int row, int column) const {
    return {row * Tile - c_.border.height, column * Tile - c_.border.width, rows, columns, Tile, Tile + 2};
  }
  int part_in(int first) const { return c_.columns - first < in_side_ ? c_.columns - first : in_side_; }
  int part_out(int first) const { return c_.rows - first < out_side_ ? c_.rows - first : out_side_; }

  void chunk(int in_group, int out_group, int number, std::byte const* arena, float* du, float* memory,
             lane_sums<1>* sums) const {
    int const begin = static_cast<int>(std::int64_t{rows_} * number / chunks_),
              end = static_cast<int>(std::int64_t{rows_} * (number + 1) / chunks_);
    auto const strip_at = [&](int row, int column) {
      return strip_of_tiles{.rows = end - row < strip_rows_ ? end - row : strip_rows_,
                            .columns = columns_ - column < strip_columns_ ? columns_ - column : strip_columns_,
                            .row = row,
                            .column = column,
                            .first = row == begin && column == 0};
    };
    int const first_in = in_group * in_side_, first_out = out_group * out_side_;
    for (int row = begin; row < end; row += strip_rows_)
      for (int column = 0; column < columns_; column += strip_columns_) {
        bool const down = column + strip_columns_ >= columns_;
        strip_of_tiles const next =
            down ? strip_at(row + strip_rows_, 0) : strip_at(row, column + strip_columns_);
        images_ahead later;
        if (next.row < end)
          later = {{c_.b, c_.b_count, c_.columns, first_in / layout::block, layout::blocks(part_in(first_in)),
                    inputs_of(next), arena},
                   {c_.a, c_.a_count, c_.rows, first_out / layout::block, layout::blocks(part_out(first_out)),
                    outputs_of(next), arena}};
        strip(strip_at(row, column), first_in, first_out, arena, du, memory, sums, later);
      }
  }

  /// Tiles that are transformed and multiplied together. first: of a chunk
  struct strip_of_tiles {
    int rows, columns, row, column;
    bool first;
  };

  tile_grid inputs_of(strip_of_tiles const& s) const { return input_grid(s.rows, s.columns, s.row, s.column); }
  tile_grid outputs_of(strip_of_tiles const& s) const {
    return {s.row * Tile, s.column * Tile, s.rows, s.columns, Tile, Tile};
  }

  void strip(strip_of_tiles const& tiles, int first_in, int first_out, std::byte const* arena, float* du, float* memory,
             lane_sums<1>* sums, images_ahead later) const {
    auto const parts = [](int whole, int part) { return (whole + part - 1) / part; };
    int const calls = area * parts(part_out(first_out), 2 * width_of<Arch>) *
                      parts(part_in(first_in), grad_tile_of<Arch>().pixels),
              lines = parts(later.left(), calls);
    auto const pair = [&]<int Pair>() {
      rows_of_pair<Pair>(tiles, first_in, first_out, arena, du, memory, sums, later, lines);
    };
    pair.template operator()<-1>();
    pair.template operator()<0>();
    if constexpr (Tile > 2) pair.template operator()<1>();
    if constexpr (Tile > 4) pair.template operator()<2>();
  }

  template <int Pair> void rows_of_pair(strip_of_tiles const& strip, int first_in, int first_out,
                                        std::byte const* arena, float* du, float* memory, lane_sums<1>* sums,
                                        images_ahead& later, int lines) const {
    using w = winograd<Tile>;
    int const rows = strip.rows, columns = strip.columns, tiles = rows * columns;
    int const inputs = part_in(first_in), outputs = part_out(first_out);
    tile_groups const of_v = transformed(tiles, in_side_), of_d = transformed(tiles, out_side_);
    float *const v = memory, *const d = v + transformed_floats(in_side_),
                 *const gathered = d + transformed_floats(out_side_);
    tile_grid const x = inputs_of(strip), dy = outputs_of(strip);
    for (int b = 0; b < layout::blocks(inputs); ++b)
      block_of_tiles{c_.b, c_.b_count, c_.columns, first_in / layout::block + b, arena, gathered}.for_each_part(
          x, [&](block_view const& part, int r, int c, int many_rows, int many_columns) {
            transform_input_rows<Arch, Tile, Pair>(
                {part, many_rows, many_columns, r * columns + c, columns}, b, of_v, v);
          });
    for (int b = 0; b < layout::blocks(outputs); ++b)
      block_of_tiles{c_.a, c_.a_count, c_.rows, first_out / layout::block + b, arena, gathered}.for_each_part(
          dy, [&](block_view const& part, int r, int c, int many_rows, int many_columns) {
            transform_output_grad_rows<Arch, Tile, Pair>(
                {part, many_rows, many_columns, r * columns + c, columns}, b, of_d, d);
            if (Pair == 0 && sums != nullptr) add_pixels(part, many_rows, many_columns, sums[b]);
          });
    for (int p = 0; p < 2 * w::size; ++p) {
      int const point = (p < w::size ? w::first_row(Pair) : w::second_row(Pair) - 1) * w::size + p;
      products(v + p * of_v.point_floats, d + p * of_d.point_floats, of_v, of_d, inputs, outputs, strip.first,
               du + point * point_floats(), later, lines);
    }
  }

  /// Adds the pixels of rows × columns tiles to the sums of 16 channels: those of a tile in float, tiles in double.
  [[gnu::noinline]] static void add_pixels(block_view const& x, int rows, int columns, lane_sums<1>& sums) {
    using vector = vec<Arch>;
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < columns; ++c) {
        alignas(64) float of_tile[layout::block];
        for (int lane = 0; lane < layout::block; lane += width_of<Arch>) {
          float const* const from = x.data + r * Tile * x.row + c * Tile * layout::block + lane;
          vector sum(0.f);
          for (int i = 0; i < Tile; ++i)
#pragma GCC unroll 8
            for (int j = 0; j < Tile; ++j) sum = sum + vector::load_unaligned(from + i * x.row + j * layout::block);
          sum.store_aligned(of_tile + lane);
        }
        for (int lane = 0; lane < layout::block; ++lane) sums.of[0][lane] += static_cast<double>(of_tile[lane]);
      }
  }

  /// One point, all inputs and outputs of the group. What two vectors of outputs need stays in the first cache.
  void products(float const* v, float const* d, tile_groups const& of_v, tile_groups const& of_d, int inputs,
                int outputs, bool first, float* du, images_ahead& later, int lines) const {
    constexpr int width = width_of<Arch>;
    auto const at = [&](int k) { return d + of_d.at(k / layout::block, 0) + k % layout::block; };
    for (int k = 0; k < outputs; k += 2 * width) {
      bool const two = outputs - k > width;
      float const *const one[1] = {at(k)}, *const both[2] = {at(k), two ? at(k + width) : nullptr};
      float* to = du + sum_at(0, k);
      for (int b = 0; b < layout::blocks(inputs); ++b) {
        float const* const left = v + of_v.at(b, 0);
        for_even_parts<layout::block, grad_tile_of<Arch>().pixels>([&]<int Lane, int Many>() {
          run_of_lines const soon = lines > 0 ? later.take(lines) : run_of_lines{};
          if (two) detail::multiply_tiles<Arch, Many, 2>(left + Lane, both, of_d.tiles, first, to, soon);
          else detail::multiply_tiles<Arch, Many, 1>(left + Lane, one, of_d.tiles, first, to, soon);
          to += Many * 2 * width;
        });
      }
    }
  }

  /// Inputs [first, last) of a group: adds up the chunks, and transforms back. Each vector is read once, from the
  /// second cache or beyond: those of the input after next are asked for.
  void finish(int in_group, int out_group, int first, int last, float const* du, float* gradient,
              bool accumulate) const {
    using vector = vec<Arch>;
    using axis = winograd_axis<Arch, Tile>;
    constexpr int n = winograd<Tile>::size, width = width_of<Arch>;
    int const inputs = part_in(in_group * in_side_), outputs = part_out(out_group * out_side_);
    alignas(64) float taps[layout::block * 9][width];
    for (int k = 0; k < outputs; k += width)
      for (int block = first; block < last && block < inputs; block += layout::block) {
        int const count = inputs - block < layout::block ? inputs - block : layout::block;
        for (int c = 0; c < count; ++c) {
          vector half[3][n];
          for (int j = 0; j < n; ++j) {
            vector u[n], g[3];
            for (int i = 0; i < n; ++i) {
              float const* const at = du + (i * n + j) * point_floats() + sum_at(block + c, k);
              __builtin_prefetch(at + 4 * width);
              u[i] = vector::load_aligned(at);
              for (int more = 1; more < chunks_; ++more) {
                __builtin_prefetch(at + more * piece_floats() + 4 * width);
                u[i] = u[i] + vector::load_aligned(at + more * piece_floats());
              }
            }
            axis::weights_grad(u, g);
            for (int i = 0; i < 3; ++i) half[i][j] = g[i];
          }
          for (int i = 0; i < 3; ++i) {
            vector g[3];
            axis::weights_grad(half[i], g);
            for (int j = 0; j < 3; ++j) g[j].store_aligned(taps[c * 9 + 3 * i + j]);
          }
        }
        write(taps, count, outputs - k < width ? outputs - k : width,
              gradient + (std::int64_t{out_group * out_side_ + k} * c_.columns + in_group * in_side_ + block) * 9,
              accumulate);
      }
  }

  /// The taps of some inputs, a lane for each output. One output after the other: its inputs lie side by side, those of
  /// the next a power of two away. Nobody reads many weights' gradients before they have left the caches.
  void write(float const (&taps)[layout::block * 9][width_of<Arch>], int inputs, int outputs, float* to,
             bool accumulate) const {
    // Whole lines of the cache alone can be stored past it.
    bool const streams = !accumulate && inputs == layout::block && c_.columns % layout::block == 0 &&
                         reinterpret_cast<std::uintptr_t>(to) % 64 == 0 &&
                         std::int64_t{c_.rows} * c_.columns * 9 * std::int64_t{sizeof(float)} > streamed_bytes;
    constexpr int width = width_of<Arch>;
    std::int64_t const next_output = std::int64_t{c_.columns} * 9;
    int t = 0;
    for (; !accumulate && outputs == width && t + width <= inputs * 9; t += width) {
      vec<Arch> square[width];
#pragma GCC unroll 16
      for (int i = 0; i < width; ++i) square[i] = vec<Arch>::load_aligned(taps[t + i]);
      transpose<Arch>(square);
#pragma GCC unroll 16
      for (int lane = 0; lane < width; ++lane) {
        if (streams) stream<Arch>(to + lane * next_output + t, square[lane]);
        else square[lane].store_unaligned(to + lane * next_output + t);
      }
    }
    for (int lane = 0; lane < outputs; ++lane, to += next_output)
      for (int i = t; i < inputs * 9; ++i) to[i] = accumulate ? to[i] + taps[i][lane] : taps[i][lane];
    if (streams) stream_fence();
  }

  correlation c_;
  int in_side_, out_side_;                 ///< channels of a group
  int inputs_, outputs_, rows_, columns_;  ///< groups of channels; tiles
  int chunks_, strip_rows_ = 1, strip_columns_ = 1;
};

/// How many terms of a gradient of inputs × outputs × 9 weights are added up one after the other: the tiles of a chunk,
/// or the pixels where tile is 0, and then the chunks.
constexpr double terms_of_gradient(extent dy, int inputs, int outputs, int tile) {
  auto const parts = [](int whole, int part) { return (whole + part - 1) / part; };
  int const length = tile == 0 ? 1 : tile, rows = parts(dy.height, length), columns = parts(dy.width, length);
  int const pieces = parts(outputs, tile == 0 ? rows_together : winograd_side(outputs)) *
                     parts(inputs, tile == 0 ? columns_together : winograd_side(inputs));
  int const chunks = row_chunks(pieces, rows);
  return static_cast<double>(rows) / chunks * columns + chunks;
}

/// The tile for a gradient of inputs × outputs × 9 weights; 0 where it must be direct. Gradients take no larger tiles
/// than 4: a sum over all tiles of numbers that large loses too much.
constexpr int winograd_tile_of_gradient(instruction const& i, int inputs, int outputs, tuning const& allowed) {
  bool const fits = i.kind == op_kind::convolve_grad_weight && i.window == extent{1, 3, 3} && i.stride.volume() == 1 &&
                    i.dilation.volume() == 1 && i.in_size.depth == 1 && inputs >= layout::block &&
                    outputs >= layout::block;
  if (!fits) return 0;
  auto const terms = [&](int tile) { return terms_of_gradient(i.in_size, inputs, outputs, tile); };
  for (int tile = allowed.winograd < 4 ? allowed.winograd : 4; tile > 0; tile -= 2)
    if (tolerates(allowed.tolerance, tile, terms(tile), terms(0))) return tile;
  return 0;
}

}  // namespace oxbow::on_host
