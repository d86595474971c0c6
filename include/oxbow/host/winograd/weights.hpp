// Weights as Winograd's convolution reads them, and the way back for their gradients.
#pragma once
#include <oxbow/host/pack.hpp>
#include <oxbow/host/winograd/points.hpp>

namespace oxbow::on_host {

/// U = G g Gᵀ: panel of outputs, point, input, output. The outputs beyond the last are zero.
template <class Arch, int Tile> struct winograd_weights {
  using axis = winograd_axis<Arch, Tile>;
  static constexpr int panel = packed_weights<Arch>::panel, area = winograd<Tile>::area;

  static constexpr std::int64_t panel_floats(int inputs) { return std::int64_t{area} * inputs * panel; }
  static constexpr std::int64_t floats(weight_use const& u) {
    return packed_weights<Arch>::panels(u.outputs()) * panel_floats(u.inputs());
  }

  /// One panel and the inputs [first, last), at most 16. factor: what each output's weights are multiplied with, or null.
  static void pack(float const* weights, weight_use const& u, int panel_index, int first, int last,
                   float const* factor, float* out) {
    alignas(64) float taps[layout::block * 9][panel];
    std::int64_t const row = std::int64_t{u.columns} * 9;
    std::int64_t const per_output = u.rows_are_outputs ? row : 9, per_input = u.rows_are_outputs ? 9 : row;
    int const begin = panel_index * panel, count = u.outputs() - begin < panel ? u.outputs() - begin : panel;
    for (int k = 0; k < panel; ++k)
      for (int c = first; c < last; ++c) {
        float const* const from = weights + (begin + k) * per_output + c * per_input;
        for (int t = 0; t < 9; ++t) taps[(c - first) * 9 + t][k] = k < count ? from[u.flipped ? 8 - t : t] : 0.f;
      }
    if (factor != nullptr)
      for (auto& of_tap : taps)
        for (int k = 0; k < count; ++k) of_tap[k] *= factor[begin + k];
    float* const to = out + panel_index * panel_floats(u.inputs());
    std::ptrdiff_t const point = std::ptrdiff_t{u.inputs()} * panel;
    for (int c = first; c < last; ++c)
      for (int k = 0; k < panel; k += width_of<Arch>) transform(&taps[(c - first) * 9][k], to + c * panel + k, point);
  }

 private:
  [[gnu::noinline]] static void transform(float const* taps, float* out, std::ptrdiff_t point) {
    using v = vec<Arch>;
    v half[winograd<Tile>::size][3];
#pragma GCC unroll 3
    for (int x = 0; x < 3; ++x) {
      v const g[3] = {v::load_aligned(taps + x * panel), v::load_aligned(taps + (3 + x) * panel),
                      v::load_aligned(taps + (6 + x) * panel)};
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
