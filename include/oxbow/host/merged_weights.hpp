// The weights of an up-convolution times those of the convolution behind it.
#pragma once
#include <oxbow/host/pack.hpp>

namespace oxbow::on_host {

/// K = W U (merge.hpp), packed: panel of outputs, phase, block of inputs, tap, input, output. Output 2q + s of an axis
/// reads W's tap t at 2q + s + t, which U made of pixel q + (s + t) / 2 by its tap (s + t) % 2.
///
/// cost  36 · inputs · between · outputs multiply-adds, of which the registers hold 8 vectors of sums
template <class Arch> struct merged_weights {
  static constexpr int panel = packed_weights<Arch>::panel, phases = 4, taps = 4;

  /// W of one panel of outputs: block of the channels between, tap, channel, output.
  static std::int64_t panel_floats(weight_use const& w) { return packed_weights<Arch>::panel_floats(w.inputs(), 9); }
  /// weights: of the first channel between
  static void pack(float const* weights, weight_use const& w, int panel_index, float const* factor, float* out) {
    for (int b = 0; b < layout::blocks(w.inputs()); ++b)
      packed_weights<Arch>::pack_block(weights, w, panel_index, b, factor,
                                       out + packed_weights<Arch>::offset(0, w.inputs(), b, 9));
  }

  /// One block of `count` inputs of all phases. up: U of the first of them (input, between, tap); next: what pack made;
  /// out: of the first phase, the others `phase` floats apart
  static void multiply(float const* up, int between, float const* next, int count, float* out, std::int64_t phase) {
    for (int c = 0; c < count; ++c)
      for (int lane = 0; lane < panel; lane += width_of<Arch>) {
        float const* const u = up + std::int64_t{c} * between * taps;
        float* const to = out + c * panel + lane;
        multiply_rows<0>(u, between, next + lane, std::ptrdiff_t{count} * panel, to, phase);
        multiply_rows<1>(u, between, next + lane, std::ptrdiff_t{count} * panel, to + 2 * phase, phase);
      }
  }

 private:
  /// The two phases of rows of one parity.
  template <int Parity>
  [[gnu::noinline]] static void multiply_rows(float const* up, int between, float const* next, std::ptrdiff_t tap,
                                              float* out, std::int64_t phase) {
    using v = vec<Arch>;
    v sum[2][2][2];  // parity of columns, row and column of K
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) sum[i / 4][i / 2 % 2][i % 2] = v(0.f);
    for (int first = 0; first < between; first += layout::block) {
      int const channels = between - first < layout::block ? between - first : layout::block;
      for (int c = 0; c < channels; ++c, up += taps) {
        v u[taps];
#pragma GCC unroll 4
        for (int t = 0; t < taps; ++t) u[t] = v::broadcast(up[t]);
#pragma GCC unroll 9
        for (int t = 0; t < 9; ++t) {
          int const y = Parity + t / 3;
          v const w = v::load_aligned(next + (t * channels + c) * panel);
#pragma GCC unroll 2
          for (int s = 0; s < 2; ++s) {
            int const x = s + t % 3;
            sum[s][y / 2][x / 2] = multiply_add(w, u[y % 2 * 2 + x % 2], sum[s][y / 2][x / 2]);
          }
        }
      }
      next += 9 * channels * panel;
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) sum[i / 4][i / 2 % 2][i % 2].store_aligned(out + i / 4 * phase + i % 4 * tap);
  }
};

}  // namespace oxbow::on_host
