// From a plan's instructions to what kernels are launched with.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include <oxbow/cuda/kernel/correlate.cuh>
#include <oxbow/cuda/kernel/pack_plain.cuh>
#include <oxbow/cuda/run/launch.cuh>
#include <oxbow/cuda/run/tile_op.cuh>

namespace oxbow::on_cuda {

constexpr number number_of(element e) {
  return e == element::f16    ? number::f16
         : e == element::bf16 ? number::bf16
         : e == element::tf32 ? number::tf32
                              : number::f32;
}

inline stored stored_of(operand const& o) {
  stored s;
  s.offset = o.offset, s.size = o.size, s.channels = o.channels, s.first_channel = o.first_channel, s.count = o.count;
  s.shift = o.shift, s.low = o.low, s.high = o.high, s.mirrored = o.mirrored, s.octets = o.octets;
  s.type = number_of(o.type), s.bits = static_cast<unsigned char>(bits_of(o.type));
  return s;
}

inline tile_op tile_op_of(instruction const& i, parameter const* parameters, int parameter_count) {
  tile_op t;
  convolution const c = convolution_of(i);
  t.taps = {c.window, c.stride, c.dilation, c.border, c.spread};
  t.window = i.window, t.stride = i.stride, t.border = i.border, t.in_size = i.in_size, t.out_size = i.out_size;
  t.in_channels = i.in_channels, t.out_channels = i.out_channels;
  t.groups = i.groups, t.channel = i.channel, t.linear = i.linear, t.rate = i.rate;
  for (int k = 0; k < 4; ++k) {
    t.in[k] = {i.in[k].made, i.in[k].first, i.in[k].count};
    if (i.parameter != none && i.parameter + k < parameter_count) t.parameter[k] = parameters[i.parameter + k].offset;
  }
  for (int k = 0; k < 2; ++k) t.out[k] = i.out[k].operand;
  return t;
}

/// Where the packed weights of a convolution come from, and how they are turned.
inline weight_layout layout_of(instruction const& i, parameter const* parameters) {
  weight_use const u = weights_of(i, parameters);
  weight_layout w;
  w.from = parameters[i.parameter].offset;
  if (i.kind == op_kind::convolve || i.kind == op_kind::up_convolve) w.bias = parameters[i.parameter + 1].offset;
  if (i.folded != none) {
    w.scale = parameters[i.folded].offset, w.shift = parameters[i.folded + 1].offset;
    w.mean = parameters[i.folded + 2].offset, w.variance = parameters[i.folded + 3].offset;
  }
  w.rows = u.rows, w.columns = u.columns, w.taps = u.taps();
  w.rows_are_outputs = u.rows_are_outputs, w.flipped = u.flipped;
  return w;
}

/// The correlation that the gradient of a convolution's weights is. The tensors lie at `operands`.
inline correlation correlation_of(instruction const& i, operand const* table, stored const* operands) {
  bool const up = i.kind == op_kind::up_convolve_grad_weight;
  oxbow::source const &dy = i.in[0], &x = i.in[1], &a = up ? x : dy, &b = up ? dy : x;
  correlation c;
  c.a = {operands + a.first, a.count}, c.b = {operands + b.first, b.count};
  c.window = i.window, c.stride = i.stride;
  if (!up) c.dilation = i.dilation, c.border = i.border;
  for (int n = 0; n < a.count; ++n) c.rows += table[a.first + n].count;
  for (int n = 0; n < b.count; ++n) c.columns += table[b.first + n].count;
  for (int axis = 0; axis < 3; ++axis) c.a_size[axis] = up ? i.in_size[axis] / i.stride[axis] : i.in_size[axis];
  c.strip = {1, std::min(8, c.a_size.height), std::min(16, c.a_size.width)};
  while (c.a_floats() + c.b_floats() > 10 * 1024 && c.strip.volume() > 1) {
    int& side = c.strip.height >= c.strip.width ? c.strip.height : c.strip.width;
    side = (side + 1) / 2;
  }
  // Enough blocks to fill a large device, as a function of the shape alone: bits do not depend on who runs this.
  constexpr int blocks_wanted = 256;
  c.splits = std::clamp(blocks_wanted / c.blocks(), 1, c.strips());
  return c;
}

/// Parts of an image whose sums are made apart, as a function of the shape alone.
inline int parts_of(extent size) { return static_cast<int>(std::clamp<std::int64_t>(size.volume() / 1024, 1, 64)); }

/// What a step is called in errors: its number and its ops.
inline std::string step_name(char const* program, int number, form const& what) {
  constexpr char const* words[] = {"image",
                                   "labels",
                                   "weights",
                                   "convolve",
                                   "up_convolve",
                                   "upsample",
                                   "max_pool",
                                   "avg_pool",
                                   "activate",
                                   "drop",
                                   "add",
                                   "norm_statistics",
                                   "norm",
                                   "norm_running",
                                   "loss", "loss_overlap",
                                   "convolve_grad",
                                   "convolve_grad_weight",
                                   "up_convolve_grad",
                                   "up_convolve_grad_weight",
                                   "bias_grad",
                                   "upsample_grad",
                                   "max_pool_grad",
                                   "avg_pool_grad",
                                   "activate_grad",
                                   "norm_grad_statistics",
                                   "norm_grad",
                                   "mirror_grad",
                                   "crop",
                                   "pad_zero",
                                   "mirror",
                                   "join",
                                   "slice"};
  static_assert(std::size(words) == static_cast<std::size_t>(op_kind::slice) + 1);
  std::string text = std::string{program} + " step " + std::to_string(number) + " (";
  for (int i = 0; i < what.count; ++i) text += (i > 0 ? ", " : "") + std::string{words[static_cast<int>(what.kind(i))]};
  return text + ")";
}

}  // namespace oxbow::on_cuda
