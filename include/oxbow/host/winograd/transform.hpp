// Winograd's transforms in two dimensions, of whole rows of tiles, 16 channels at a time.
#pragma once
#include <oxbow/core/layout.hpp>
#include <oxbow/host/block_view.hpp>
#include <oxbow/host/lines_ahead.hpp>
#include <oxbow/host/winograd/points.hpp>

namespace oxbow::on_host {

/// Where the transformed tiles of one box lie: for each of the `area` points, groups of tiles; a group holds, for each
/// block of channels, its tiles' 16 lanes. So a product reads one group from begin to end.
struct tile_groups {
  int tiles = 0, group = 0, blocks = 0;  ///< group: tiles of each group but the last
  std::ptrdiff_t group_floats = 0, point_floats = 0;

  /// most: tiles that a product takes at a time
  constexpr tile_groups(int tiles, int blocks, int most) : tiles{tiles}, blocks{blocks} {
    int const groups = (tiles + most - 1) / most;
    group = (tiles + groups - 1) / groups;
    group_floats = std::ptrdiff_t{group} * blocks * layout::block;
    point_floats = groups * group_floats;
    if (point_floats / layout::block % 2 == 0) point_floats += layout::block;  // an odd number of cache lines: the
  }                                                                            // points spread over all sets of a cache
  constexpr int count() const { return (tiles + group - 1) / group; }
  constexpr int in_group(int g) const { return tiles - g * group < group ? tiles - g * group : group; }
  constexpr std::ptrdiff_t at(int block, int tile) const {
    return tile / group * group_floats + (std::ptrdiff_t{block} * group + tile % group) * layout::block;
  }
};

namespace detail {

/// Two rows of points of one vector of channels of one tile of Side × Side pixels: `rows` makes them of a column of the
/// tile, `row` then transforms each along itself. x: the tile's first pixel; pixels are 16 floats apart.
template <class Arch, int Side, int Points, class Rows, class Row>
[[gnu::always_inline]] inline void transform_two_rows(float const* x, std::ptrdiff_t stride, float* first_out,
                                                      float* second_out, std::ptrdiff_t point, Rows const& rows,
                                                      Row const& row) {
  vec<Arch> first[Side], second[Side], made[Points];
#pragma GCC unroll 8
  for (int j = 0; j < Side; ++j) {
    vec<Arch> column[Side];
#pragma GCC unroll 8
    for (int i = 0; i < Side; ++i) column[i] = vec<Arch>::load_unaligned(x + i * stride + j * layout::block);
    rows(column, first[j], second[j]);
  }
  row(first, made);
#pragma GCC unroll 8
  for (int j = 0; j < Points; ++j) made[j].store_unaligned(first_out + j * point);
  row(second, made);
#pragma GCC unroll 8
  for (int j = 0; j < Points; ++j) made[j].store_unaligned(second_out + j * point);
}

/// Two rows of Bᵀ d B.
template <class Arch, int Tile, int Pair>
[[gnu::always_inline]] inline void input_rows(float const* x, std::ptrdiff_t stride, float* first_out,
                                              float* second_out, std::ptrdiff_t point) {
  using axis = winograd_axis<Arch, Tile>;
  transform_two_rows<Arch, axis::size, axis::size>(x, stride, first_out, second_out, point,
                                                   axis::template input_rows<Pair>, axis::input);
}

/// Two rows of A dy Aᵀ, one behind the other.
template <class Arch, int Tile, int Pair>
[[gnu::always_inline]] inline void output_grad_rows(float const* dy, std::ptrdiff_t stride, float* out,
                                                    std::ptrdiff_t point) {
  using axis = winograd_axis<Arch, Tile>;
  transform_two_rows<Arch, Tile, axis::size>(dy, stride, out, out + axis::size * point, point,
                                             axis::template output_grad_rows<Pair>, axis::output_grad);
}

}  // namespace detail

/// Some tiles of a box: where they are read, and which of the box's tiles they are.
struct tile_part {
  block_view view;         ///< from the first tile's first pixel on
  int rows, columns;
  int first, next_row;     ///< number of the first tile, and how many tiles the box has in a row
};

namespace detail {

/// What tiles of Side × Side pixels, Tile apart, read next: of the row below what they have not read yet, or behind
/// the last row the first one of the next block of channels.
template <int Tile, int Side> lines_ahead next_row_of_tiles(tile_part const& p, int row) {
  constexpr int shared = Side - Tile;
  int const width = p.columns * Tile + shared;
  if (row + 1 < p.rows) return {p.view.data + ((row + 1) * Tile + shared) * p.view.row, p.view.row, Tile, width};
  if (p.view.next_block > 0) return {p.view.data + p.view.next_block, p.view.row, Side, width};
  return {};
}

/// Calls f(first pixel, place among the transformed) for each vector of one block of channels of each tile. Tiles that
/// nobody has read yet are asked for a row ahead; asking for what is in the second cache costs more than it saves.
template <class Arch, int Tile, int Side, bool FirstTime, class F>
[[gnu::always_inline]] inline void for_each_tile(tile_part const& p, int block, tile_groups const& to, float* out,
                                                 F const& f) {
  for (int r = 0; r < p.rows; ++r) {
    lines_ahead ahead = FirstTime ? next_row_of_tiles<Tile, Side>(p, r) : lines_ahead{};
    int const lines = (ahead.left() + p.columns - 1) / p.columns;
    for (int c = 0; c < p.columns; ++c) {
      if (FirstTime) ahead.ask(lines);
      for (int lane = 0; lane < layout::block; lane += width_of<Arch>)
        f(p.view.data + r * Tile * p.view.row + c * Tile * layout::block + lane,
          out + to.at(block, p.first + r * p.next_row + c) + lane);
    }
  }
}

}  // namespace detail

/// V = Bᵀ d B of one block of channels.
template <class Arch, int Tile>
[[gnu::noinline]] void transform_inputs(tile_part const& x, int block, tile_groups const& to, float* v) {
  using w = winograd<Tile>;
  std::ptrdiff_t const point = to.point_floats;
  detail::for_each_tile<Arch, Tile, w::size, true>(x, block, to, v, [&](float const* from, float* out) {
    auto const rows_of = [&]<int Pair>() __attribute__((always_inline)) {
      detail::input_rows<Arch, Tile, Pair>(from, x.view.row, out + w::first_row(Pair) * w::size * point,
                                           out + w::second_row(Pair) * w::size * point, point);
    };
    rows_of.template operator()<-1>();
    rows_of.template operator()<0>();
    if constexpr (w::pairs > 1) rows_of.template operator()<1>();
    if constexpr (w::pairs > 2) rows_of.template operator()<2>();
  });
}

/// The same for the two rows of one pair alone, one row of points after the other.
template <class Arch, int Tile, int Pair>
[[gnu::noinline]] void transform_input_rows(tile_part const& x, int block, tile_groups const& to, float* v) {
  std::ptrdiff_t const point = to.point_floats;
  constexpr int size = winograd<Tile>::size;
  detail::for_each_tile<Arch, Tile, size, Pair == -1>(x, block, to, v, [&](float const* from, float* out) {
    detail::input_rows<Arch, Tile, Pair>(from, x.view.row, out, out + size * point, point);
  });
}

/// The two rows of one pair of D = A dy Aᵀ of one block of channels.
template <class Arch, int Tile, int Pair>
[[gnu::noinline]] void transform_output_grad_rows(tile_part const& x, int block, tile_groups const& to, float* d) {
  detail::for_each_tile<Arch, Tile, Tile, Pair == -1>(x, block, to, d, [&](float const* from, float* out) {
    detail::output_grad_rows<Arch, Tile, Pair>(from, x.view.row, out, to.point_floats);
  });
}

/// y = Aᵀ m A for one vector of channels of one tile. m: `area` vectors, one after the other.
template <class Arch, int Tile>
[[gnu::always_inline]] inline void transform_output(float const* m, vec<Arch> (&y)[Tile][Tile]) {
  using axis = winograd_axis<Arch, Tile>;
  constexpr int n = axis::size;
  vec<Arch> half[Tile][n];
#pragma GCC unroll 8
  for (int j = 0; j < n; ++j) {
    vec<Arch> column[n], made[Tile];
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i) column[i] = vec<Arch>::load_aligned(m + (i * n + j) * width_of<Arch>);
    axis::output(column, made);
#pragma GCC unroll 8
    for (int i = 0; i < Tile; ++i) half[i][j] = made[i];
  }
#pragma GCC unroll 8
  for (int i = 0; i < Tile; ++i) axis::output(half[i], y[i]);
}

}  // namespace oxbow::on_host
