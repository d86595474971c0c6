// The verbs that a layer's meaning is made of: each infers, checks and emits.
#pragma once
#include <oxbow/check/finding.hpp>
#include <oxbow/core/real.hpp>
#include <oxbow/graph/graph.hpp>
#include <oxbow/net/layers.hpp>

namespace oxbow {

/// Follows an image through a network: infers every size, records the first broken rule, and writes
/// down the flat graph. A broken rule never stops the walk: sizes are repaired, so that the walk is total.
struct tracer {
  flat_graph net{};
  int at = 0;  ///< the value that flows on
  path where{};
  bool too_deep = false;             ///< a path has had no room
  short counts[number_of_words]{};   ///< layers of each kind seen in this part of the network
  layer_tag const* layer = nullptr;  ///< the innermost layer being traced
  finding first{};

  constexpr void report(rule broken, extent left = {}, extent right = {}, int left_count = 0, int right_count = 0) {
    if (first.broken != rule::none) return;
    first = {broken, where, {}, layer, left, right, left_count, right_count};
    int n = 0;
    for (auto const& step : where)
      if ((step.what == word::node || step.what == word::source) && n < 4) first.names[n++] = net.names[step.number];
  }

  constexpr void image(extent size, int channels) {
    at = net.emit({.kind = op_kind::image}, size, channels);
    if (size.depth < 1 || size.height < 1 || size.width < 1 || channels < 1) {
      report(rule::image_is_not_empty, size, {}, channels);
      net.values[at] = {{1, 1, 1}, 1, element::f32, 0};
    }
  }

  constexpr void convolve(int channels, int kernel, pad border = pad::valid, int stride = 1, int dilation = 1) {
    if (!positive(channels) || !positive(kernel) || !positive(stride) || !positive(dilation))
      channels = kernel = stride = dilation = 1;
    if (border != pad::valid && kernel % 2 == 0) report(rule::padding_needs_an_odd_kernel, {}, {}, kernel);
    op o{.kind = op_kind::convolve, .same = border != pad::valid};
    for (int a = net.first_axis; a < 3; ++a) {
      o.window[a] = kernel, o.stride[a] = stride, o.dilation[a] = dilation;
      if (border != pad::valid) o.border[a] = (kernel - 1) * dilation / 2;
    }
    if (border == pad::mirror && kernel > 1) {
      mirror(o.border);
      o.border = {0, 0, 0};
    }
    value const x = here();
    extent size = x.size, reach{};
    bool small = false, uneven = false;
    for (int a = 0; a < 3; ++a) {
      reach[a] = (o.window[a] - 1) * o.dilation[a] + 1;
      int const room = x.size[a] + 2 * o.border[a] - reach[a];
      small = small || room < 0;
      uneven = uneven || (o.same ? net.values[before_mirror()].size[a] : room) % o.stride[a] != 0;
      size[a] = room < 0 ? 1 : room / o.stride[a] + 1;
    }
    if (small) report(rule::convolution_fits_the_image, x.size, reach);
    else if (uneven) report(rule::stride_divides_the_size, x.size, o.stride);
    o.in[0] = at;
    o.parameter = parameters(role::weight, channels, x.channels, o.window);
    parameters(role::bias, channels);
    emit(o, size, channels);
  }

  constexpr void up_convolve(int channels, int factor = 2) {
    if (!positive(channels) || !positive(factor)) channels = factor = 1;
    op o{.kind = op_kind::up_convolve, .in = {at, none, none, none}};
    value const x = here();
    o.parameter = parameters(role::weight, x.channels, channels, grow(o, factor));
    parameters(role::bias, channels);
    emit(o, enlarged(x.size, factor), channels);
  }

  constexpr void upsample(int factor, interpolation how) {
    if (!positive(factor)) factor = 1;
    op o{.kind = op_kind::upsample, .in = {at, none, none, none}, .linear = how == interpolation::bilinear};
    grow(o, factor);
    emit(o, enlarged(here().size, factor), here().channels);
  }

  constexpr void max_pool(int window) { pool(op_kind::max_pool, window); }
  constexpr void avg_pool(int window) { pool(op_kind::avg_pool, window); }

  constexpr void activate(function const* f) {
    emit({.kind = op_kind::activate, .in = {at, none, none, none}, .f = f}, here().size, here().channels);
  }

  constexpr void drop(float rate) {
    if (real{rate}.bits >= real{1.f}.bits) {  // as bits, where the sign is the highest: nvcc cannot compare a NaN
      report(rule::rate_is_below_one);
      rate = 0;
    }
    int stream = 0;
    for (auto const& o : net.ops) stream += o.kind == op_kind::drop;
    emit({.kind = op_kind::drop, .in = {at, none, none, none}, .channel = stream, .rate = rate}, here().size,
         here().channels);
  }

  /// Statistics per channel. running: keeps running statistics.
  constexpr void normalise(bool running) { norm(here().channels, running); }
  /// Statistics per group of channels.
  constexpr void normalise_groups(int groups) {
    int const channels = here().channels;
    bool const fits = groups > 0 && channels % groups == 0;
    if (!fits) report(rule::groups_divide_the_channels, {}, {}, channels, groups);
    norm(fits ? groups : 1, false);
  }

  /// Channels of the skip first, then those that flow.
  constexpr void join(int skip, oxbow::join how) {
    if (how == oxbow::join::crop) skip = cropped(skip, at);
    else if (net.values[skip].size != here().size)
      report(rule::join_has_equal_sizes, net.values[skip].size, here().size);
    if (how == oxbow::join::add) return sum(skip);
    emit({.kind = op_kind::join, .in = {skip, at, none, none}}, here().size,
         net.values[skip].channels + here().channels);
  }

  /// Adds `other` to what flows; the larger of the two is cropped.
  constexpr void add(int other) {
    bool larger = false;
    for (int a = 0; a < 3; ++a) larger = larger || here().size[a] > net.values[other].size[a];
    if (larger) at = cropped(at, other);
    else other = cropped(other, at);
    sum(other);
  }

  constexpr value const& here() const { return net.values[at]; }

  /// Position of the current path among the graph's layers.
  constexpr int layer_index() {
    for (int i = net.layers.size() - 1; i >= 0; --i)
      if (same(net.layers[i], where)) return i;
    return net.layers.push(where);
  }

 private:
  static constexpr bool same(path const& a, path const& b) {
    if (a.size() != b.size()) return false;
    for (int i = 0; i < a.size(); ++i)
      if (!(a[i] == b[i])) return false;
    return true;
  }
  constexpr void emit(op o, extent size, int channels) {
    o.layer = layer_index();
    at = net.emit(o, size, channels);
  }
  constexpr bool positive(int count) {
    if (count < 1) report(rule::counts_are_positive, {}, {}, count);
    return count >= 1;
  }
  constexpr int before_mirror() const { return net.producer(at).kind == op_kind::mirror ? net.producer(at).in[0] : at; }
  constexpr extent grow(op& o, int factor) const {
    for (int a = net.first_axis; a < 3; ++a) o.window[a] = o.stride[a] = factor;
    return o.window;
  }
  constexpr extent enlarged(extent size, int factor) const {
    for (int a = net.first_axis; a < 3; ++a) size[a] *= factor;
    return size;
  }

  constexpr void pool(op_kind kind, int window) {
    if (!positive(window)) window = 1;
    op o{.kind = kind, .in = {at, none, none, none}};
    value const x = here();
    extent size = x.size;
    bool uneven = false;
    for (int a = net.first_axis; a < 3; ++a) {
      o.window[a] = o.stride[a] = window;
      uneven = uneven || x.size[a] % window != 0;
      size[a] = x.size[a] / window > 0 ? x.size[a] / window : 1;
    }
    if (uneven) report(rule::pooling_divides_the_size, x.size, o.window);
    if (kind == op_kind::max_pool && o.window.volume() > 256) report(rule::maximum_has_a_byte, {}, {}, window);
    emit(o, size, x.channels);
  }

  constexpr void norm(int groups, bool running) {
    int const channels = here().channels, x = at;
    int const first = parameters(role::scale, channels);
    parameters(role::shift, channels);
    if (running) parameters(role::running_mean, channels), parameters(role::running_variance, channels);
    op o{.kind = op_kind::norm_statistics,
         .in = {x, none, none, none},
         .parameter = first,
         .groups = groups,
         .running = running};
    extent const size = here().size;
    emit(o, {}, 2 * groups);
    o.kind = op_kind::norm, o.in[1] = at;
    emit(o, size, channels);
  }

  constexpr void mirror(extent border) {
    value const x = here();
    extent size = x.size;
    bool small = false;
    for (int a = 0; a < 3; ++a) {
      small = small || x.size[a] <= border[a];
      size[a] += 2 * border[a];
    }
    if (small) report(rule::mirror_fits_the_image, x.size, border);
    emit({.kind = op_kind::mirror, .in = {at, none, none, none}, .border = border}, size, x.channels);
  }

  /// The middle of v, as large as `like`. Once a rule is broken the graph serves to find the nearest tiles, where
  /// sizes that are equal here, after their repair, may differ: then crops stand even where they remove nothing.
  constexpr int cropped(int v, int like) {
    extent const from = net.values[v].size, to = net.values[like].size;
    if (from == to && first.broken == rule::none) return v;
    op o{.kind = op_kind::crop, .in = {v, none, none, none}, .layer = layer_index(), .like = like};
    bool small = false, odd = false;
    for (int a = 0; a < 3; ++a) {
      o.border[a] = from[a] < to[a] ? 0 : (from[a] - to[a]) / 2;
      small = small || from[a] < to[a];
      odd = odd || (from[a] - to[a]) % 2 != 0;
    }
    if (small) report(rule::skip_covers_the_upsampled, from, to);
    else if (odd) report(rule::crop_is_centred, from, to);
    return net.emit(o, to, net.values[v].channels);
  }

  constexpr void sum(int other) {
    value const a = net.values[other], b = here();
    if (a.channels != b.channels) report(rule::sum_has_equal_channels, a.size, b.size, a.channels, b.channels);
    emit({.kind = op_kind::add, .in = {other, at, none, none}}, b.size, b.channels);
  }

  constexpr int parameters(role is, int rows, int columns = 1, extent window = {}) {
    return net.parameters.push({is, layer_index(), rows, columns, window, 0});
  }
};

}  // namespace oxbow
