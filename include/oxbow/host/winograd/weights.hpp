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

  /// One panel and the inputs [first, last), at most 16. factor: what each output's weights are multiplied with, or
  /// null.
  static void pack(float const* weights, weight_use const& u, int panel_index, int first, int last,
                   float const* factor, float* out) {
    alignas(64) float taps[layout::block * 9][panel];
    std::int64_t const row = std::int64_t{u.columns} * 9;
    std::int64_t const per_output = u.rows_are_outputs ? row : 9, per_input = u.rows_are_outputs ? 9 : row;
    int const begin = panel_index * panel, count = u.outputs() - begin < panel ? u.outputs() - begin : panel;
    if (count < panel) std::memset(taps, 0, sizeof taps);
    for (int k = 0; k < count; ++k)
      for (int c = first; c < last; ++c) {
        float const* const from = weights + (begin + k) * per_output + c * per_input;
        auto* const to = taps + (c - first) * 9;
        if (u.flipped)
          for (int t = 0; t < 9; ++t) to[8 - t][k] = from[t];
        else
          for (int t = 0; t < 9; ++t) to[t][k] = from[t];
      }
    if (factor != nullptr)
      for (auto& of_tap : taps)
        for (int k = 0; k < count; ++k) of_tap[k] *= factor[begin + k];
    float* const to = out + panel_index * panel_floats(u.inputs());
    std::ptrdiff_t const point = std::ptrdiff_t{u.inputs()} * panel;
    bool const large = floats(u) * std::int64_t{sizeof(float)} > streamed_bytes;
    for (int c = first; c < last; ++c)
      for (int k = 0; k < panel; k += width_of<Arch>)
        if (large) transform<true>(&taps[(c - first) * 9][k], to + c * panel + k, point);
        else transform<false>(&taps[(c - first) * 9][k], to + c * panel + k, point);
    if (large) stream_fence();
  }

 private:
  template <bool Stream> [[gnu::noinline]] static void transform(float const* taps, float* out, std::ptrdiff_t point) {
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
      for (int j = 0; j < winograd<Tile>::size; ++j) {
        float* const to = out + (i * winograd<Tile>::size + j) * point;
        if constexpr (Stream) stream<Arch>(to, u[j]);
        else u[j].store_aligned(to);
      }
    }
  }
};

}  // namespace oxbow::on_host
