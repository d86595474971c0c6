// Winograd's transforms in two dimensions, of whole rows of tiles, 16 channels at a time.
#pragma once
#include <oxbow/core/layout.hpp>
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

/// Two rows of Bᵀ d B for one vector of channels. x: the tile's first pixel; pixels are 16 floats apart.
template <class Arch, int Tile, int Pair>
[[gnu::always_inline]] inline void transform_rows(float const* x, std::ptrdiff_t row, float* out,
                                                  std::ptrdiff_t point) {
  using axis = winograd_axis<Arch, Tile>;
  constexpr int n = axis::size;
  vec<Arch> first[n], second[n], made[n];
#pragma GCC unroll 8
  for (int j = 0; j < n; ++j) {
    vec<Arch> d[n];
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i) d[i] = vec<Arch>::load_unaligned(x + i * row + j * layout::block);
    axis::template input_rows<Pair>(d, first[j], second[j]);
  }
  axis::input(first, made);
  constexpr int a = Pair < 0 ? 0 : 1 + 2 * Pair, b = Pair < 0 ? n - 1 : 2 + 2 * Pair;
#pragma GCC unroll 8
  for (int j = 0; j < n; ++j) made[j].store_unaligned(out + (a * n + j) * point);
  axis::input(second, made);
#pragma GCC unroll 8
  for (int j = 0; j < n; ++j) made[j].store_unaligned(out + (b * n + j) * point);
}

}  // namespace detail

/// V = Bᵀ d B of one block of channels for rows × columns tiles, whose inputs overlap by two pixels.
/// x: the first tile's first pixel; pixels are 16 floats apart, rows `row` floats.
template <class Arch, int Tile>
[[gnu::noinline]] void transform_inputs(float const* x, std::ptrdiff_t row, int rows, int columns, int block,
                                        tile_groups const& to, float* v) {
  for (int r = 0, tile = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c, ++tile) {
      float const* const from = x + r * Tile * row + c * Tile * layout::block;
      float* const out = v + to.at(block, tile);
      for (int lane = 0; lane < layout::block; lane += width_of<Arch>) {
        detail::transform_rows<Arch, Tile, -1>(from + lane, row, out + lane, to.point_floats);
        detail::transform_rows<Arch, Tile, 0>(from + lane, row, out + lane, to.point_floats);
        if constexpr (Tile > 2)
          detail::transform_rows<Arch, Tile, 1>(from + lane, row, out + lane, to.point_floats);
        if constexpr (Tile > 4)
          detail::transform_rows<Arch, Tile, 2>(from + lane, row, out + lane, to.point_floats);
      }
    }
}

/// D = A dy Aᵀ of one block of channels for rows × columns tiles side by side.
template <class Arch, int Tile>
[[gnu::noinline]] void transform_output_grads(float const* dy, std::ptrdiff_t row, int rows, int columns, int block,
                                              tile_groups const& to, float* d) {
  using axis = winograd_axis<Arch, Tile>;
  constexpr int n = axis::size;
  for (int r = 0, tile = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c, ++tile)
      for (int lane = 0; lane < layout::block; lane += width_of<Arch>) {
        float const* const from = dy + r * Tile * row + c * Tile * layout::block + lane;
        float* const out = d + to.at(block, tile) + lane;
        vec<Arch> half[n][Tile];
#pragma GCC unroll 8
        for (int j = 0; j < Tile; ++j) {
          vec<Arch> y[Tile], m[n];
#pragma GCC unroll 8
          for (int i = 0; i < Tile; ++i) y[i] = vec<Arch>::load_unaligned(from + i * row + j * layout::block);
          axis::output_grad(y, m);
#pragma GCC unroll 8
          for (int i = 0; i < n; ++i) half[i][j] = m[i];
        }
#pragma GCC unroll 8
        for (int i = 0; i < n; ++i) {
          vec<Arch> m[n];
          axis::output_grad(half[i], m);
#pragma GCC unroll 8
          for (int j = 0; j < n; ++j) m[j].store_unaligned(out + (i * n + j) * to.point_floats);
        }
      }
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
