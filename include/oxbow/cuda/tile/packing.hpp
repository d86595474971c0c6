// The order in which packed weights lie, and which weight each place holds. Plain arithmetic, for host and device.
#pragma once
#include <cstdint>

#include <oxbow/core/portable.hpp>

namespace oxbow::on_cuda {

/// Weights as the lanes of a warp want them: (tile of outputs, chunk of inputs, tap, step of 16 inputs, pair of
/// n-tiles, lane, 8); of tf32, which has half as many in as many bytes, steps of 8 and 4 for a lane. One 16-byte load
/// gives a lane its part of two n-tiles. Column n of n-tile i in a group of 32 outputs is output
/// (n / 2) · 8 + i · 2 + n % 2, so that lane t of a quad ends up with the outputs 8t … 8t + 7.
///
/// Inputs are the channels of two sources, each rounded up to whole chunks; outputs those of two tensors, each rounded
/// up to whole octets, and all of them once for every phase of an up-convolution. What rounding adds is zero.
struct packing {
  int tile_outputs = 64, chunk = 32;
  int first_out = 0, second_out = 0, phases = 1;
  int first_in = 0, second_in = 0;
  int taps_y = 1, taps_x = 1;               ///< column by column: tap = x · taps_y + y
  std::int64_t out_stride = 0, in_stride = 0;  ///< elements, in the tensor of the layer
  bool out_is_row = true;                   ///< of that tensor, (rows, columns, window)
  bool flipped = false;                     ///< the window is turned by 180°
  int step_inputs = 16;                     ///< of a product: 16 of 16 bits, 8 of tf32

  static constexpr OXBOW_DEVICE int up(int n, int by) { return (n + by - 1) / by * by; }
  constexpr OXBOW_DEVICE int taps() const { return taps_y * taps_x; }
  constexpr OXBOW_DEVICE int window() const { return phases > 1 ? phases : taps(); }  ///< elements, in the tensor
  constexpr OXBOW_DEVICE int phase_outputs() const { return up(first_out, 8) + up(second_out, 8); }
  constexpr OXBOW_DEVICE int columns() const { return up(phase_outputs() * phases, tile_outputs); }
  constexpr OXBOW_DEVICE int chunks() const {
    return (first_in + chunk - 1) / chunk + (second_in + chunk - 1) / chunk;
  }
  constexpr OXBOW_DEVICE std::int64_t size() const {
    return std::int64_t{columns()} * chunks() * chunk * taps();
  }

  /// The weight at a packed place: its element in the layer's tensor, or −1 for a zero. This is the order's definition,
  /// digit by digit; kernels ask place(), which tests hold to it.
  constexpr OXBOW_DEVICE std::int64_t element(std::int64_t place) const {
    auto const digit = [&](int base) {
      int const d = static_cast<int>(place % base);
      place /= base;
      return d;
    };
    int const each = step_inputs / 4;  // of a lane, for one n-tile
    int const e = digit(2 * each), lane = digit(32), pair = digit(tile_outputs / 16), step = digit(chunk / step_inputs);
    int const tap = digit(taps()), q = digit(chunks()), tile = static_cast<int>(place);
    int const n_tile = 2 * pair + e / each, g = lane / 4, t = lane % 4;
    int const out = output(tile * tile_outputs + n_tile / 4 * 32 + g / 2 * 8 + n_tile % 4 * 2 + g % 2);
    int const in = input(q, step * step_inputs + (each == 4 ? e / 2 % 2 * 8 + t * 2 + e % 2 : e % 2 * 4 + t));
    if (out < 0 || in < 0) return -1;
    int const at = phases > 1 ? (tile * tile_outputs + n_tile / 4 * 32 + g / 2 * 8) / phase_outputs()
                              : tap % taps_y * taps_x + tap / taps_y;
    return out * out_stride + in * in_stride + (flipped ? taps() - 1 - at : at);
  }
  /// The place of a weight, the other way round. Eight outputs from a whole octet of a tensor on, times a step of
  /// inputs from a whole step of a source on, are two runs of 128 bytes, 512 bytes apart: one for the first four
  /// outputs and one for the others.
  constexpr OXBOW_DEVICE std::int64_t place(int out, int in, int at) const {
    int const column = (out < first_out ? out : up(first_out, 8) + out - first_out) +
                       (phases > 1 ? at * phase_outputs() : 0);
    int const c = in < first_in ? in : up(first_in, chunk) + in - first_in, turned = flipped ? taps() - 1 - at : at;
    int const tap = phases > 1 ? 0 : turned % taps_x * taps_y + turned / taps_x;
    int const o = column % tile_outputs, n_tile = o / 32 * 4 + o % 8 / 2, g = o % 32 / 8 * 2 + o % 2;
    int const each = step_inputs / 4, i = c % step_inputs, t = each == 4 ? i % 8 / 2 : i % 4;
    int const e = n_tile % 2 * each + (each == 4 ? i / 8 * 2 + i % 2 : i / 4);
    std::int64_t const q = std::int64_t{column / tile_outputs} * chunks() + c / chunk;
    std::int64_t const step = (q * taps() + tap) * (chunk / step_inputs) + c % chunk / step_inputs;
    return ((step * (tile_outputs / 16) + n_tile / 2) * 32 + g * 4 + t) * (2 * each) + e;
  }
  /// The channel of a column, or −1.
  constexpr OXBOW_DEVICE int output(int column) const {
    if (column >= phase_outputs() * phases) return -1;
    int const c = column % phase_outputs(), second = c - up(first_out, 8);
    if (second < 0) return c < first_out ? c : -1;
    return second < second_out ? first_out + second : -1;
  }
  constexpr OXBOW_DEVICE int input(int q, int c) const {
    int const first_chunks = (first_in + chunk - 1) / chunk;
    int const i = (q < first_chunks ? q : q - first_chunks) * chunk + c;
    if (q < first_chunks) return i < first_in ? i : -1;
    return i < second_in ? first_in + i : -1;
  }
  constexpr bool operator==(packing const&) const = default;
};

/// Of a convolution with weights (out, in, window).
constexpr packing pack_forward(int tile_outputs, int chunk, int first, int second, int outputs, int taps_y,
                               int taps_x) {
  std::int64_t const taps = std::int64_t{taps_y} * taps_x;
  return {.tile_outputs = tile_outputs, .chunk = chunk, .first_out = outputs, .first_in = first, .second_in = second,
          .taps_y = taps_y, .taps_x = taps_x, .out_stride = (first + second) * taps, .in_stride = taps};
}
/// Of its data gradient, which is a convolution of dy with the window turned; it writes the gradients of both inputs.
constexpr packing pack_grad(int tile_outputs, int chunk, int first, int second, int outputs, int taps_y, int taps_x) {
  std::int64_t const taps = std::int64_t{taps_y} * taps_x;
  return {.tile_outputs = tile_outputs, .chunk = chunk, .first_out = first, .second_out = second, .first_in = outputs,
          .taps_y = taps_y, .taps_x = taps_x, .out_stride = taps, .in_stride = (first + second) * taps,
          .out_is_row = false, .flipped = true};
}
/// Of an up-convolution with weights (in, out, window): a product with as many phases as the window has pixels.
constexpr packing pack_up(int tile_outputs, int chunk, int inputs, int outputs, int taps_y, int taps_x) {
  std::int64_t const taps = std::int64_t{taps_y} * taps_x;
  return {.tile_outputs = tile_outputs, .chunk = chunk, .first_out = outputs, .phases = taps_y * taps_x,
          .first_in = inputs, .out_stride = taps, .in_stride = outputs * taps, .out_is_row = false};
}
/// Of its data gradient: a convolution of dy whose stride is its window.
constexpr packing pack_up_grad(int tile_outputs, int chunk, int inputs, int outputs, int taps_y, int taps_x) {
  std::int64_t const taps = std::int64_t{taps_y} * taps_x;
  return {.tile_outputs = tile_outputs, .chunk = chunk, .first_out = inputs, .first_in = outputs, .taps_y = taps_y,
          .taps_x = taps_x, .out_stride = outputs * taps, .in_stride = taps};
}

}  // namespace oxbow::on_cuda
