// Which pixels of its input a convolution of a plan reads: the same for every back end.
#pragma once
#include <oxbow/core/box.hpp>
#include <oxbow/lower/plan.hpp>

namespace oxbow {

constexpr bool is_convolution(op_kind k) {
  return k == op_kind::convolve || k == op_kind::convolve_grad || k == op_kind::up_convolve_grad;
}
constexpr bool reads_weights(op_kind k) { return is_convolution(k) || k == op_kind::up_convolve; }

/// A convolution, a gradient of one, or a gradient of an up-convolution, all as one convolution of
/// something: the gradient of a stride spreads its input apart and fills with zeros.
struct convolution {
  extent window{}, stride{}, dilation{}, border{0, 0, 0};
  extent spread{};
  bool flipped = false;
};

constexpr convolution convolution_of(instruction const& i) {
  convolution c{i.window, i.stride, i.dilation, i.border, {}, false};
  if (i.kind == op_kind::convolve_grad) {
    for (int a = 0; a < 3; ++a) c.border[a] = (i.window[a] - 1) * i.dilation[a] - i.border[a];
    c.spread = i.stride, c.stride = {}, c.flipped = true;
  } else if (i.kind == op_kind::up_convolve_grad) {
    c.dilation = {}, c.border = {0, 0, 0};
  }
  return c;
}

/// The box that a convolution reads, in coordinates of its (spread) input.
constexpr OXBOW_DEVICE box input_box(convolution const& c, box const& y) {
  box x;
  for (int a = 0; a < 3; ++a) {
    x.origin[a] = y.origin[a] * c.stride[a] - c.border[a];
    x.size[a] = (y.size[a] - 1) * c.stride[a] + (c.window[a] - 1) * c.dilation[a] + 1;
  }
  return x;
}

/// The pixels of the input whose spread positions lie in a box.
constexpr OXBOW_DEVICE box before_spread(box const& x, extent spread) {
  box q;
  for (int a = 0; a < 3; ++a) {
    int const s = spread[a], first = x.origin[a], last = x.end(a) - 1;
    q.origin[a] = first >= 0 ? (first + s - 1) / s : -(-first / s);
    int const end = (last >= 0 ? last / s : -((-last + s - 1) / s)) + 1;
    q.size[a] = end > q.origin[a] ? end - q.origin[a] : 0;
  }
  return q;
}

/// What a tile of a step must be a multiple of, so that poolings and enlargements fall on whole pixels.
constexpr extent tile_unit(instruction const* ops, int count, int anchor) {
  extent unit;
  for (int i = 0; i < count; ++i) {
    op_kind const k = ops[i].kind;
    bool const needs =
        (is_pooling(k) && i != anchor) || (i == anchor && (k == op_kind::up_convolve || is_pooling_grad(k)));
    for (int a = 0; a < 3 && needs; ++a)
      if (unit[a] % ops[i].window[a] != 0) unit[a] *= ops[i].window[a];
  }
  return unit;
}

/// What a convolution does with a weight tensor of shape (rows, columns, window): which of the two is
/// its output, and whether the taps run backward, as they do in the gradient of the data.
struct weight_use {
  int rows = 0, columns = 0;
  extent window{};
  bool rows_are_outputs = true;
  bool flipped = false;
  bool by_tap = false;  ///< one 1×1 convolution per tap, as in an up-convolution
  int others = 0;       ///< inputs of the tensor that somebody else multiplies

  constexpr int outputs() const { return rows_are_outputs ? rows : columns; }
  constexpr int inputs() const { return (rows_are_outputs ? columns : rows) - others; }
  constexpr int taps() const { return static_cast<int>(window.volume()); }
};

/// The weight tensor of a convolution as its kernel sees it.
constexpr weight_use weights_of(instruction const& i, parameter const* table) {
  parameter const& p = table[i.parameter];
  weight_use u{p.rows, p.columns, p.window};
  switch (i.kind) {
    case op_kind::convolve_grad:
      u.rows_are_outputs = false, u.flipped = true;
      break;
    case op_kind::up_convolve:
      u.rows_are_outputs = false, u.by_tap = true;
      break;
    default:
      // convolve: (out, in); up_convolve_grad: (in, out), and its output is the input
      if (i.kind == op_kind::convolve) u.others = p.columns - i.in_channels;
  }
  return u;
}

}  // namespace oxbow
