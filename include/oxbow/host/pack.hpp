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

  /// One panel and one block of inputs. factor: what each output's weights are multiplied with, or null
  static void pack(float const* weights, weight_use const& u, int panel_index, int block, float const* factor,
                   float* out) {
    int const slices = u.by_tap ? u.taps() : 1, taps = u.by_tap ? 1 : u.taps();
    for (int slice = 0; slice < slices; ++slice)
      pack_block(weights + slice, u, taps, panel_index, block, factor,
                 out + slice * (panels(u.outputs()) * panel_floats(u.inputs(), 1)) +
                     offset(panel_index, u.inputs(), block, taps));
  }
  /// The same of a convolution that is not by_tap, to `out` itself: tap, input, output.
  static void pack_block(float const* weights, weight_use const& u, int panel_index, int block, float const* factor,
                         float* out) {
    pack_block(weights, u, u.taps(), panel_index, block, factor, out);
  }

 private:
  static void pack_block(float const* weights, weight_use const& u, int taps, int panel_index, int block,
                         float const* factor, float* out) {
    auto const pack = [&]<int Taps>() { pack_taps<Taps>(weights, u, taps, panel_index, block, factor, out); };
    if (taps == 9) pack.template operator()<9>();
    else if (taps == 4) pack.template operator()<4>();
    else if (taps == 1) pack.template operator()<1>();
    else pack.template operator()<0>();
  }

  /// The source is read row by row, and asked for one block of inputs ahead; what is written stays in the first cache.
  /// Taps: their number if it is a constant, which is four times as fast; else 0
  template <int Taps>
  [[gnu::noinline]] static void pack_taps(float const* weights, weight_use const& u, int taps, int panel_index,
                                          int block, float const* factor, float* out) {
    if constexpr (Taps > 0) taps = Taps;
    std::int64_t const row = std::int64_t{u.columns} * u.taps();
    std::int64_t const per_output = u.rows_are_outputs ? row : u.taps();
    std::int64_t const per_input = u.rows_are_outputs ? u.taps() : row;
    int const first = panel_index * panel, count = u.outputs() - first < panel ? u.outputs() - first : panel;
    int const begin = block * layout::block, rest = u.inputs() - begin;
    int const inputs = rest < layout::block ? rest : layout::block;
    if (count < panel) std::memset(out, 0, sizeof(float) * static_cast<std::size_t>(inputs * taps * panel));
    // Flipped taps go backwards from the last one.
    std::ptrdiff_t const per_tap = (u.flipped ? -1 : 1) * std::ptrdiff_t{inputs} * panel;
    if (u.flipped) out -= (taps - 1) * per_tap;
    auto const move = [&](int k, int c) {
      float const* const from = weights + (first + k) * per_output + (begin + c) * per_input;
      float* const to = out + std::ptrdiff_t{c} * panel + k;
      float const scale = factor != nullptr ? factor[first + k] : 1.f;
      __builtin_prefetch(from + layout::block * per_input);
#pragma GCC unroll 9
      for (int t = 0; t < taps; ++t) to[t * per_tap] = from[t] * scale;
    };
    int k = 0;
    if constexpr (Taps > 1)
      k = pack_vectors<Taps>(weights + first * per_output + begin * per_input, u, count, inputs,
                             u.rows * row - first * per_output - begin * per_input,
                             factor != nullptr ? factor + first : nullptr, out, per_tap);
    if (u.rows_are_outputs)
      for (; k < count; ++k)
        for (int c = 0; c < inputs; ++c) move(k, c);
    else
      for (int c = 0; c < inputs; ++c)
        for (int more = k; more < count; ++more) move(more, c);
  }

  /// As many outputs as fill vectors, a square of numbers at a time; how many these are. weights: of the first of them
  /// left: floats from there to the end of the tensor
  template <int Taps>
  static int pack_vectors(float const* weights, weight_use const& u, int count, int inputs, std::int64_t left,
                          float const* factor, float* out, std::ptrdiff_t per_tap) {
    constexpr int width = width_of<Arch>, many = Taps < width ? Taps : width;
    std::int64_t const row = std::int64_t{u.columns} * Taps;
    vec<Arch> square[width], scale(1.f);
    auto const load = [&](float const* from, std::int64_t next) __attribute__((always_inline)) {
#pragma GCC unroll 16
      for (int i = 0; i < width; ++i) {
        square[i] = vec<Arch>::load_unaligned(from + i * next);
        __builtin_prefetch(from + i * next + (u.rows_are_outputs ? Taps : row) * layout::block);
      }
      transpose<Arch>(square);
    };
    int k = 0;
    for (; k + width <= count; k += width) {
      if (factor != nullptr) scale = vec<Arch>::load_unaligned(factor + k);
      if (u.rows_are_outputs) {
        if (inputs * Taps % width != 0) break;
        for (int i = 0; i < inputs * Taps; i += width) {
          load(weights + k * row + i, row);
#pragma GCC unroll 16
          for (int j = 0; j < width; ++j)
            (square[j] * scale).store_aligned(out + (i + j) % Taps * per_tap + (i + j) / Taps * panel + k);
        }
      } else {
        // Vectors reach beyond an output's taps into those that follow, which the tensor's last ones do not have.
        if ((inputs - 1) * row + (k + width - 1) * Taps + width > left) break;
        for (int c = 0; c < inputs; ++c) {
          float const* const from = weights + c * row + k * Taps;
          float* const to = out + c * panel + k;
          load(from, Taps);
#pragma GCC unroll 16
          for (int t = 0; t < many; ++t) (square[t] * scale).store_aligned(to + t * per_tap);
          for (int t = many; t < Taps; ++t)
            for (int lane = 0; lane < width; ++lane)
              to[t * per_tap + lane] = from[lane * Taps + t] * (factor != nullptr ? factor[k + lane] : 1.f);
        }
      }
    }
    return k;
  }
};

}  // namespace oxbow::on_host
