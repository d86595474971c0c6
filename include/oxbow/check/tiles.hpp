// Which tiles are legal, and how far a pixel sees: facts of a graph that one axis at a time settles.
#pragma once
#include <numeric>

#include <oxbow/graph/graph.hpp>

namespace oxbow {

/// What becomes of a tile that is `size` long on one axis.
struct axis_sizes {
  bool legal = true;
  int output = 0;
};

/// No tile is longer: what sizes are computed from stays far below the largest int.
inline constexpr int longest_tile = 1 << 20;

/// Walks the forward ops with one length per value: a few hundred steps, where inferring the
/// network anew for another tile would take a hundred times as many.
constexpr axis_sizes sizes_along(flat_graph const& net, int axis, int size) {
  axis_sizes result;
  if (size < 1 || size > longest_tile) return {false, 0};
  list<int, limits::values> length;
  length.resize(net.values.size(), 1);
  for (int i = 0; i < net.forward_ops; ++i) {
    op const& o = net.ops[i];
    int const in = o.in[0] == none ? size : length[o.in[0]], other = o.in[1] == none ? in : length[o.in[1]];
    int out = in;
    bool legal = true;
    switch (o.kind) {
      case op_kind::convolve: {
        int const room = in + 2 * o.border[axis] - (o.window[axis] - 1) * o.dilation[axis] - 1;
        op const& source = net.producer(o.in[0]);
        int const kept = source.kind == op_kind::mirror ? length[source.in[0]] : in;
        legal = room >= 0 && (o.same ? kept : room) % o.stride[axis] == 0;
        out = room / o.stride[axis] + 1;
        break;
      }
      case op_kind::max_pool:
      case op_kind::avg_pool:
        legal = in % o.window[axis] == 0;
        out = in / o.window[axis];
        break;
      case op_kind::up_convolve:
      case op_kind::upsample:
        out = in * o.window[axis];
        break;
      case op_kind::mirror:
        legal = in > o.border[axis];
        out = in + 2 * o.border[axis];
        break;
      case op_kind::crop: {
        int const to = length[o.like];
        legal = in >= to && (in - to) % 2 == 0;
        out = to;
        break;
      }
      case op_kind::join:
      case op_kind::add:
        legal = in == other;
        break;
      case op_kind::norm_statistics:
        out = 1;
        break;
      default:
        break;
    }
    result.legal = result.legal && legal && out >= 1;
    length[o.out[0]] = out < 1 ? 1 : out;
  }
  result.output = length[net.output];
  return result;
}

/// A length in tile pixels per pixel of some value.
struct ratio {
  int over = 1, under = 1;
  constexpr ratio times(int a, int b) const {
    int x = over * a, y = under * b;
    for (int d = 2; d <= x && d <= y; ++d)
      while (x % d == 0 && y % d == 0) x /= d, y /= d;
    return {x, y};
  }
  constexpr int of(int n) const { return (n * over + under - 1) / under; }  ///< rounded up
};

/// How far the pixels of a value lie apart along an axis, in tile pixels.
constexpr ratio step_along(flat_graph const& net, int v, int axis) {
  ratio step;
  for (; net.producer(v).kind != op_kind::image; v = net.producer(v).in[0]) {
    op const& o = net.producer(v);
    if (o.kind == op_kind::convolve) step = step.times(o.stride[axis], 1);
    else if (o.kind == op_kind::max_pool || o.kind == op_kind::avg_pool) step = step.times(o.window[axis], 1);
    else if (o.kind == op_kind::up_convolve || o.kind == op_kind::upsample) step = step.times(1, o.window[axis]);
  }
  return step;
}

/// How one axis is sampled.
struct axis_sampling {
  int alignment = 1;  ///< tile pixels: shifting the image by a multiple shifts every value by whole pixels
  int radius = 0;     ///< tile pixels to either side that an output pixel can depend on, at most
};

constexpr axis_sampling sampling_along(flat_graph const& net, int axis) {
  axis_sampling result;
  list<ratio, limits::values> step;
  list<int, limits::values> radius;
  step.resize(net.values.size());
  radius.resize(net.values.size(), 0);
  for (int i = 0; i < net.forward_ops; ++i) {
    op const& o = net.ops[i];
    ratio s{};
    int r = 0;
    for (int v : o.in)
      if (v != none && radius[v] >= r) s = step[v], r = radius[v];
    if (o.in[0] != none) s = step[o.in[0]];
    switch (o.kind) {
      case op_kind::convolve: {
        int const beyond = (o.window[axis] - 1) * o.dilation[axis];
        r += s.of(beyond % 2 == 0 ? beyond / 2 : beyond);
        s = s.times(o.stride[axis], 1);
        break;
      }
      case op_kind::max_pool:
      case op_kind::avg_pool:
        r += s.of(o.window[axis] - 1);
        s = s.times(o.window[axis], 1);
        break;
      case op_kind::up_convolve:
      case op_kind::upsample:
        if (o.linear) r += s.of(1);
        s = s.times(1, o.window[axis]);
        r += s.of(o.window[axis] - 1);
        break;
      default:
        break;
    }
    result.alignment = std::lcm(result.alignment, s.over);
    step[o.out[0]] = s, radius[o.out[0]] = r;
  }
  result.radius = radius[net.output];
  return result;
}

/// The nearest legal length from `size` on in the direction `by` (+1 or −1), `size` itself included;
/// 0 if there is none. Legal lengths repeat with the alignment, so their remainders are found first.
constexpr int nearest_legal(flat_graph const& net, int axis, int size, int by) {
  constexpr int most = 1024, large = 1 << 16;
  int const alignment = sampling_along(net, axis).alignment;
  if (alignment > most) return 0;
  bool legal_remainder[most]{};
  for (int r = 0; r < alignment; ++r)
    legal_remainder[r] = sizes_along(net, axis, large / alignment * alignment + r).legal;
  if (size > longest_tile) size = longest_tile + (by > 0);
  int const last = size + 256 * alignment + 4096;
  for (int n = size; n >= 1 && n <= last; n += by)
    if (legal_remainder[n % alignment] && sizes_along(net, axis, n).legal) return n;
  return 0;
}

}  // namespace oxbow
