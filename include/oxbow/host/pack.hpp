// Weights in the order in which the convolution reads them.
#pragma once
#include <cstring>

#include <oxbow/core/layout.hpp>
#include <oxbow/host/simd.hpp>
#include <oxbow/lower/geometry.hpp>

namespace oxbow::on_host {

/// Packed weights: (tap if by_tap), panel of outputs, block of inputs, tap, input, output. A panel is as wide as the
/// micro-tile; the outputs beyond the last are zero. A convolution over some blocks of inputs finds theirs together.
template <class Arch> struct packed_weights {
  static constexpr int panel = micro_tile_of<Arch>().vectors * width_of<Arch>;

  static constexpr int panels(int outputs) { return (outputs + panel - 1) / panel; }
  static constexpr std::int64_t panel_floats(int inputs, int taps) { return std::int64_t{inputs} * taps * panel; }
  static constexpr std::int64_t floats(weight_use const& u) {
    return panels(u.outputs()) * panel_floats(u.inputs(), u.taps());
  }

  /// Where the weights of one panel and one block of inputs begin.
  static constexpr std::int64_t offset(int panel_index, int inputs, int block, int taps) {
    return panel_index * panel_floats(inputs, taps) + std::int64_t{block} * layout::block * taps * panel;
  }

  /// One panel. factor: what each output's weights are multiplied with, or null.
  static void pack_panel(float const* weights, weight_use const& u, int panel_index, float const* factor, float* out) {
    int const taps = u.taps(), inputs = u.inputs(), outputs = u.outputs();
    std::int64_t const row = std::int64_t{u.columns} * taps;
    std::int64_t const per_output = u.rows_are_outputs ? row : taps, per_input = u.rows_are_outputs ? taps : row;
    int const slices = u.by_tap ? taps : 1, taps_each = u.by_tap ? 1 : taps;
    int const first = panel_index * panel, count = outputs - first < panel ? outputs - first : panel;
    for (int slice = 0; slice < slices; ++slice) {
      float* to =
          out + slice * (panels(outputs) * panel_floats(inputs, 1)) + panel_index * panel_floats(inputs, taps_each);
      for (int block = 0; block < inputs; block += layout::block)
        for (int t = 0; t < taps_each; ++t)
          for (int c = block; c < inputs && c < block + layout::block; ++c, to += panel) {
            int const tap = u.by_tap ? slice : u.flipped ? taps - 1 - t : t;
            float const* from = weights + c * per_input + first * per_output + tap;
            for (int k = 0; k < count; ++k) to[k] = from[k * per_output] * (factor ? factor[first + k] : 1.f);
            for (int k = count; k < panel; ++k) to[k] = 0;
          }
    }
  }
};

}  // namespace oxbow::on_host
