// The flat graph: values and the ops that make them. Everything after the walk is code over these arrays.
#pragma once
#include <cstdint>

#include <oxbow/core/extent.hpp>
#include <oxbow/core/function.hpp>
#include <oxbow/core/list.hpp>
#include <oxbow/core/region_losses.hpp>
#include <oxbow/graph/limits.hpp>
#include <oxbow/graph/path.hpp>

namespace oxbow {

inline constexpr int none = -1;

/// What an op does. The meaning of each, element by element, is in ops/. `in` and `out` below
/// name the entries of op::in and op::out.
enum class op_kind : unsigned char {
  // sources: the caller writes them before the first step
  image,    ///< out: the tile
  labels,   ///< out: a class per output pixel (u8)
  weights,  ///< out: a weight per output pixel
  // forward                                  in → out
  convolve,         ///< x → y
  up_convolve,      ///< x → y
  upsample,         ///< x → y; nearest, or bilinear with `linear`
  max_pool,         ///< x → y, place of the maximum
  avg_pool,         ///< x → y
  activate,         ///< x → f(x)
  drop,             ///< x → x times the random mask; backward it is the same op
  add,              ///< a, b → a + b
  norm_statistics,  ///< x → mean and inverse deviation of each group
  norm,             ///< x, statistics → scale · (x − mean) · inverse deviation + shift
  norm_running,     ///< x → the same with the running statistics
  loss,             ///< logits, labels, weights, those sums if any → gradient of the logits, loss of each pixel
  loss_overlap,     ///< logits, labels, weights → of each class the sums that a region's loss is a function of
  // backward
  convolve_grad,            ///< dy → dx
  convolve_grad_weight,     ///< dy, x → dw
  up_convolve_grad,         ///< dy → dx
  up_convolve_grad_weight,  ///< dy, x → dw
  bias_grad,                ///< dy → sums of dy over the pixels
  upsample_grad,            ///< dy → dx
  max_pool_grad,            ///< dy, place of the maximum → dx
  avg_pool_grad,            ///< dy → dx
  activate_grad,            ///< dy, y (or x) → dy · f'
  norm_grad_statistics,     ///< dy, x, statistics → sums of dy · x̂ and of dy per channel; and into the gradients
  norm_grad,                ///< dy, x, statistics, those sums → dx
  mirror_grad,              ///< dy → dx: what was read twice gets both gradients
  // views: address arithmetic, never a step when fused
  crop,      ///< x → the part at `border`
  pad_zero,  ///< x → x with `border` zeros around it: the gradient of a crop
  mirror,    ///< x → x with `border` mirrored pixels around it
  join,      ///< a, b → their channels, one after the other
  slice,     ///< x → some channels, from `channel` on: the gradient of a join
};
constexpr bool is_source(op_kind k) { return k <= op_kind::weights; }
constexpr bool is_loss(op_kind k) { return k == op_kind::loss || k == op_kind::loss_overlap; }
constexpr bool is_view(op_kind k) { return k >= op_kind::crop; }

/// How one element is stored. The number is its bits, but that bf16 has as many as f16, and tf32 (single precision,
/// rounded to the ten bits of a significand that matrix units multiply) as many as f32.
enum class element : unsigned char { bits2 = 2, bits4 = 4, u8 = 8, f16 = 16, bf16 = 17, f32 = 32, tf32 = 33 };
constexpr int bits_of(element e) { return static_cast<int>(e) & ~1; }

/// One tensor. Gradients of parameters live in the gradient arena, all else in the program's arena.
struct value {
  extent size{};
  int channels = 0;
  element type = element::f32;
  int producer = none;
  bool in_gradients = false;
  bool octets = false;      ///< in memory as layout_of_octets says; else as layout does

  constexpr std::int64_t count() const { return size.volume() * channels; }
};

/// What a parameter tensor is to its layer.
enum class role : unsigned char { weight, bias, scale, shift, running_mean, running_variance };
constexpr char const* spelling(role r) {
  constexpr char const* words[] = {"weight", "bias", "weight", "bias", "running_mean", "running_var"};
  return words[static_cast<int>(r)];
}
constexpr bool is_trained(role r) { return r < role::running_mean; }

/// One parameter tensor: shape (rows, columns, window) with as many axes as the role has, in
/// PyTorch's order: (out, in, …) for a convolution, (in, out, …) for an up-convolution.
struct parameter {
  role is = role::weight;
  int layer = none;  ///< position in flat_graph::layers
  int rows = 0, columns = 1;
  extent window{};
  std::int64_t offset = 0;  ///< elements, in the parameter arena

  constexpr std::int64_t count() const { return std::int64_t{rows} * columns * window.volume(); }
};

/// One operation: inputs, outputs, and scalars whose meaning depends on the kind.
struct op {
  op_kind kind = op_kind::image;
  int in[4] = {none, none, none, none};
  int out[2] = {none, none};
  extent window{}, stride{}, dilation{};
  extent border{0, 0, 0};  ///< zeros (or mirrored pixels) around the input, or what a crop removes
  int parameter = none;    ///< the first of its tensors; the others follow
  int layer = none;        ///< position in flat_graph::layers
  int channel = 0;         ///< first channel of a slice; for drop the number of the random stream
  int groups = 0;          ///< of a norm
  int folded = none;       ///< convolutions: the first parameter of the batch norm that their weights absorb
  int like = none;         ///< a crop is as large as this value
  bool same = false;       ///< convolve: keeps the size, but for the stride
  bool linear = false;     ///< upsample: bilinear
  bool running = false;    ///< norm_statistics: keeps running statistics
  function const* f = &function_of<identity>::self;
  float rate = 0;  ///< of a drop
  loss_function const* loss = &loss_of<cross_entropy>::self;
};

/// A network for one tile.
struct flat_graph {
  list<value, limits::values> values{};
  list<op, limits::ops> ops{};
  list<parameter, limits::parameters> parameters{};
  list<path, limits::layers> layers{};
  list<name, limits::nodes> names{};
  list<int, limits::nodes> named{};  ///< the value that each name stands for; none for one that is only asked for
  int first_axis = 1;                ///< 1 in 2-D, 0 in 3-D
  int output = 0;                    ///< the value that the caller reads
  int loss = none;                   ///< the loss of each pixel, in a training graph
  int forward_ops = 0;               ///< the ops before this one compute the output
  std::int64_t parameter_count = 0;  ///< elements of the parameter arena, running statistics included
  std::int64_t trained_count = 0;    ///< of these, how many gradients change

  /// Appends an op and its first result; returns the result.
  constexpr int emit(op o, extent size, int channels, element type = element::f32) {
    o.out[0] = values.push({size, channels, type, ops.size()});
    ops.push(o);
    return o.out[0];
  }
  constexpr int add_name(name n, int stands_for = none) {
    named.push(stands_for);
    return names.push(n);
  }
  /// The value of this name, or none.
  constexpr int find(name wanted) const {
    for (int i = 0; i < names.size(); ++i)
      if (named[i] != none && names[i] == wanted) return named[i];
    return none;
  }
  constexpr op const& producer(int v) const { return ops[values[v].producer]; }
  constexpr bool overflows() const { return values.full || ops.full || parameters.full || layers.full || names.full; }
};

/// Which values the value v is computed from, v itself included.
constexpr list<bool, limits::values> needed_for(flat_graph const& net, int v) {
  list<bool, limits::values> needed;
  needed.resize(net.values.size(), false);
  needed[v] = true;
  for (int i = net.values[v].producer; i >= 0; --i) {
    op const& o = net.ops[i];
    if (!needed[o.out[0]] && (o.out[1] == none || !needed[o.out[1]])) continue;
    for (int u : o.in)
      if (u != none) needed[u] = true;
  }
  return needed;
}

}  // namespace oxbow
