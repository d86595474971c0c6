// Weights as Winograd's convolution reads them.
#pragma once
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
  static constexpr int panel = packed_weights<Arch>::panel, area = winograd<Tile>::area;

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
      transform(packed + packed_weights<Arch>::offset(0, inputs, block, 9), inputs, block, out);
  }

 private:
  [[gnu::noinline]] static void transform(float const* taps, std::ptrdiff_t tap, float* out, std::ptrdiff_t point) {
    using v = vec<Arch>;
    v half[winograd<Tile>::size][3];
#pragma GCC unroll 3
    for (int x = 0; x < 3; ++x) {
      v const g[3] = {v::load_aligned(taps + x * tap), v::load_aligned(taps + (3 + x) * tap),
                      v::load_aligned(taps + (6 + x) * tap)};
      v u[winograd<Tile>::size];
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

}  // namespace oxbow::on_host
