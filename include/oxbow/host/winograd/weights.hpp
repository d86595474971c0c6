// Weights as Winograd's convolution reads them.
#pragma once
#include <utility>

#include <oxbow/host/pack.hpp>
#include <oxbow/host/winograd/points.hpp>

namespace oxbow::on_host {

/// U = G g Gᵀ: panel of outputs, point, input, output. The outputs beyond the last are zero.
///
/// U is four times as large as the weights where Tile is 4. Where it is small beside the last cache it is made as a
/// whole, once for all boxes. Else each box makes a part of it of packed weights right before it multiplies with it
/// (transforms_in_boxes), which takes about 3 operations for each vector beside one for each of the box's tiles.
template <class Arch, int Tile> struct winograd_weights {
  using axis = winograd_axis<Arch, Tile>;
  static constexpr int panel = packed_weights<Arch>::panel, area = winograd<Tile>::area, side = winograd<Tile>::taps,
                       taps = side * side;

  /// Between two points: no even number of cache lines, so that they spread over all sets of a cache.
  static constexpr std::int64_t point_floats(int inputs) {
    std::int64_t const floats = std::int64_t{inputs} * panel;
    return floats / 16 % 2 == 0 ? floats + 16 : floats;
  }
  static constexpr std::int64_t panel_floats(int inputs) { return area * point_floats(inputs); }
  static constexpr std::int64_t floats(weight_use const& u) {
    return packed_weights<Arch>::panels(u.outputs()) * panel_floats(u.inputs());
  }

  /// One block of inputs. packed: that of packed_weights; out: the panel
  static void transform(float const* packed, int inputs, int block, float* out) {
    int const begin = block * layout::block, count = inputs - begin < layout::block ? inputs - begin : layout::block;
    std::ptrdiff_t const tap = std::ptrdiff_t{count} * panel;
    for (int i = 0; i < tap; i += width_of<Arch>)
      transform(packed + i, tap, out + std::ptrdiff_t{begin} * panel + i, point_floats(inputs));
  }
  /// Some inputs of a panel. packed: that of packed_weights, from the first of them on
  static void transform_panel(float const* packed, int inputs, float* out) {
    for (int block = 0; block < layout::blocks(inputs); ++block)
      transform(packed + packed_weights<Arch>::offset(0, inputs, block, taps), inputs, block, out);
  }

 private:
  [[gnu::noinline]] static void transform(float const* from, std::ptrdiff_t tap, float* out, std::ptrdiff_t point) {
    using v = vec<Arch>;
    v half[winograd<Tile>::size][side];
#pragma GCC unroll 3
    for (int x = 0; x < side; ++x) {
      v g[side], u[winograd<Tile>::size];
#pragma GCC unroll 3
      for (int y = 0; y < side; ++y) g[y] = v::load_aligned(from + (y * side + x) * tap);
      axis::weights(g, u);
#pragma GCC unroll 8
      for (int i = 0; i < winograd<Tile>::size; ++i) half[i][x] = u[i];
    }
#pragma GCC unroll 8
    for (int i = 0; i < winograd<Tile>::size; ++i) {
      v u[winograd<Tile>::size];
      axis::weights(half[i], u);
#pragma GCC unroll 8
      for (int j = 0; j < winograd<Tile>::size; ++j)
        u[j].store_aligned(out + (i * winograd<Tile>::size + j) * point);
    }
  }
};

/// Calls f<Tile>() where `tile` is one of a fast convolution; else it is 0, and the answer is false.
/// Most: the largest that there can be for 3 × 3 weights
template <int Most, class F> bool with_tile(int tile, F const& f) {
  return [&]<int... I>(std::integer_sequence<int, I...>) {
    return ((tile == I + 2 && (f.template operator()<I + 2>(), true)) || ...);
  }(std::make_integer_sequence<int, Most>{});
}

/// Floats of one panel of outputs, of all phases, of a fast convolution's weights.
/// by_panel: packed, and transformed in the boxes
template <class Arch, int Most> std::int64_t fast_panel_floats(int tile, bool by_panel, int inputs) {
  std::int64_t floats = 0;
  with_tile<Most>(tile, [&]<int Tile>() {
    using transformed = winograd_weights<Arch, Tile>;
    floats = winograd<Tile>::phases * (by_panel ? packed_weights<Arch>::panel_floats(inputs, transformed::taps)
                                                : transformed::panel_floats(inputs));
  });
  return floats;
}

}  // namespace oxbow::on_host
