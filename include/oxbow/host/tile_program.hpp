// One tile of one step: each op in turn, on patches, from what is stored to what is stored.
#pragma once
#include <oxbow/host/convolve.hpp>
#include <oxbow/host/elementwise.hpp>
#include <oxbow/host/fast_convolutions.hpp>
#include <oxbow/host/gather.hpp>
#include <oxbow/host/loss.hpp>
#include <oxbow/host/normalisation.hpp>
#include <oxbow/host/patch_moves.hpp>
#include <oxbow/host/pooling.hpp>
#include <oxbow/host/upsampling.hpp>
#include <oxbow/ops/dropout.hpp>
#include <oxbow/ops/normalisation.hpp>

namespace oxbow::on_host {

/// Runs the ops of a form on one tile of the anchor's output. The ops before the anchor are computed on what
/// the anchor reads of them, those behind it on what follows from the tile. Without a context nothing is
/// computed; only the scratch is laid out, to learn how much of it there must be.
/// Most: the largest tile of Winograd's convolution that a step may have been given.
template <form Form, class Arch, int Most> class tile_program : public fast_convolutions {
 public:
  using fast_convolutions::fast_convolutions;

  /// next: the tile that this thread is likely to run after this one, or an empty box
  void run(box tile, box next = {{}, {0, 0, 0}}) {
    box_[Form.anchor] = tile, next_tile_ = next;
    prologue_boxes();
    [&]<int... I>(std::integer_sequence<int, I...>) { (op<I>(), ...); }
    (std::make_integer_sequence<int, Form.count>{});
  }

 private:
  static constexpr bool is_anchor(int i) { return i == Form.anchor; }

  /// What the anchor reads of an op before it, and that of its input: a chain, from the anchor back.
  void prologue_boxes() {
    for (int i = Form.anchor; i > 0; --i) {
      int const m = at(i).in[0].made;
      if (m == none || m > i) continue;
      box const of = s_.fast[i] > 0 ? whole_tiles(box_[i], s_.fast[i]) : box_[i];
      box_[m] = is_convolution(at(i).kind) ? input_box(convolution_of(at(i)), of) : of;
    }
  }

  /// The box of an elementwise op: that of the tile it reads, or its own if it was made for the anchor's tile.
  box elementwise_box(int i) const {
    if (i <= Form.anchor) return box_[i];
    for (source const& from : at(i).in)
      if (from.made != none) return made_[from.made].where;
    return box_[i];
  }

  template <int I> void op() {
    constexpr op_kind kind = Form.kind(I);
    if constexpr (is_convolution(kind)) convolve_op<I>();
    else if constexpr (kind == op_kind::up_convolve) up_convolve_op<I>();
    else if constexpr (is_elementwise(kind)) elementwise_op<I>();
    else if constexpr (kind == op_kind::loss) loss_op<I>();
    else if constexpr (kind == op_kind::crop && !is_anchor(I)) part(I, made_[at(I).in[0].made]);
    else if constexpr (kind == op_kind::slice && !is_anchor(I)) slice_op(I);
    else if constexpr (is_view(kind)) view_op<I>();
    else resize_op<I>();
  }

  /// A view that is a step of its own, where nothing is fused: its operands are seen through it.
  template <int I> void view_op() {
    instruction const& o = at(I);
    patch y = take(box_[I], o.out_channels);
    if (!measuring()) {
      int const count = o.in[0].count + (o.kind == op_kind::join ? o.in[1].count : 0);
      std::vector<operand> seen(s_.operands + o.in[0].first, s_.operands + o.in[0].first + count);
      for (operand& from : seen) from.mirrored = from.mirrored || o.kind == op_kind::mirror;
      int const sign = o.kind == op_kind::crop ? 1 : o.kind == op_kind::pad_zero || o.kind == op_kind::mirror ? -1 : 0;
      for (int a = 0; a < 3; ++a) y.where.origin[a] += sign * o.border[a];
      gather(y, seen.data(), count, c_->arena, o.kind == op_kind::slice ? o.channel : 0);
      y.where = box_[I];
    }
    finish(I, y);
  }

  /// A part of a tile: the same memory, seen from another origin or from some channel on.
  void part(int i, patch p) {
    alias_of_[i] = at(i).in[0].made;
    if (at(i).kind == op_kind::crop)
      for (int a = 0; a < 3; ++a) p.where.origin[a] -= at(i).border[a];
    finish(i, p);
  }

  /// Some channels of a tile: the same memory where they are whole blocks, else a copy.
  void slice_op(int i) {
    patch const whole = made_[at(i).in[0].made];
    int const first = at(i).channel, count = at(i).out_channels;
    if (whole.data == nullptr) return finish(i, patch::over(nullptr, whole.where, count));
    if (first % layout::block == 0 && (count % layout::block == 0 || first + count == whole.channels))
      return part(i, whole.slice(first, count));
    patch const y = take(whole.where, count);
    if (!measuring()) copy_channels(whole, first, y);
    finish(i, y);
  }

  template <int I> void convolve_op() {
    instruction const& o = at(I);
    convolution const c = convolution_of(o);
    bool const follows = o.in[0].made != none && !is_anchor(I);  // a head: its tile is that of its input
    box const out = follows ? made_[o.in[0].made].where : box_[I];
    patch const y = stored_at_once(I, out, width_of<Arch>) ? patch::over(nullptr, out, o.out_channels)
                                                           : take(out, o.out_channels);
    if constexpr (is_anchor(I)) {
      if (fast_convolve<Form, I, Arch, Most>(c, y)) return finish(I, y);
    }
    float* const row = take({{0, 0, 0}, {1, 1, out.size.width}}, 2 * layout::block).data;
    // What lies beyond the image is zero for the reader, so only the part within is computed.
    box const within = intersection(out, {{0, 0, 0}, o.out_size});
    output_grid grid{.count = within.size};
    for (int a = 0; a < 3; ++a) grid.first[a] = within.origin[a] - out.origin[a];
    if (!measuring() && !(within == out)) zero(y);
    box const needed = input_box(c, within);
    if (o.in[0].made != none) {
      patch x = made_[o.in[0].made];  // it may reach farther than what is needed of it
      extent const &low = x.where.origin, &from = needed.origin;
      x.data = x.at(0, from.depth - low.depth, from.height - low.height, from.width - low.width);
      if (!measuring())
        convolve<Arch>(x, y, grid, c.window, c.stride, c.dilation, weights(I), o.in_channels, bias(I), row);
    } else {
      float* const mark = next_;
      int const chunk = is_anchor(I) ? s_.tiles.input_channels : o.in_channels;
      for (int first = 0; first < o.in_channels; first += chunk) {
        next_ = mark;
        int const count = o.in_channels - first < chunk ? o.in_channels - first : chunk;
        patch const x = spread_input(I, c, needed, first, count);
        if (measuring()) break;
        int const taps = static_cast<int>(c.window.volume());
        convolve<Arch>(x, y, grid, c.window, c.stride, c.dilation,
                       weights(I) + packed_weights<Arch>::offset(0, o.in_channels, first / layout::block, taps),
                       o.in_channels, first == 0 ? bias(I) : nullptr, row);
      }
    }
    finish(I, y);
  }

  /// Some channels of a convolution's input over a box; spread apart for the gradient of a stride.
  patch spread_input(int i, convolution const& c, box where, int first, int count) {
    source const& from = at(i).in[0];
    patch const x = take(where, count);
    if (c.spread.volume() == 1) {
      if (!measuring()) gather(x, s_.operands + from.first, from.count, c_->arena, first);
      return x;
    }
    box const small = before_spread(where, c.spread);
    patch const dense = take(small, count);
    if (measuring()) return x;
    gather(dense, s_.operands + from.first, from.count, c_->arena, first);
    spread(dense, x, c.spread);
    return x;
  }

  template <int I> void up_convolve_op() {
    instruction const& o = at(I);
    if constexpr (Form.count == 1)
      if (merged_convolve<Arch, Most>()) return finish(I, patch::over(nullptr, box_[I], o.out_channels));
    box const small = divided(box_[I], o.stride);
    patch const y = take(box_[I], o.out_channels);
    float* const row = take({{0, 0, 0}, {1, 1, small.size.width}}, 2 * layout::block).data;
    patch const x = input(I, 0, small, o.in_channels);
    if (!measuring()) {
      std::int64_t const tap_floats =
          packed_weights<Arch>::panels(o.out_channels) * packed_weights<Arch>::panel_floats(o.in_channels, 1);
      for (int t = 0; t < o.window.volume(); ++t) {
        extent const tap{t / (o.window.height * o.window.width), t / o.window.width % o.window.height,
                         t % o.window.width};
        convolve<Arch>(x, y, {tap, o.stride, small.size}, {}, {}, {}, weights(I) + t * tap_floats, o.in_channels,
                       bias(I), row);
      }
    }
    finish(I, y);
  }

  template <int I> void elementwise_op() {
    constexpr op_kind kind = Form.kind(I);
    instruction const& o = at(I);
    box const where = elementwise_box(I);
    int const main = kind == op_kind::add && o.in[0].made == none && o.in[1].made != none ? 1 : 0;
    patch const y = overwritable(I, main, where, o.out_channels);
    if (y.data == nullptr) return finish(I, y);  // done and stored
    if constexpr (kind == op_kind::activate) {
      bool done = false;
      if constexpr (is_anchor(I - 1) && is_convolution(Form.kind(Form.anchor)))
        done = s_.fast[Form.anchor] > 0 && nobody_else_wants(Form.anchor);
      if (!measuring() && !done) activate<Arch, Form.function_at(I)>(y);
      if (I < Form.anchor && !measuring()) zero_beyond(y, o.out_size);
    } else if constexpr (kind == op_kind::activate_grad) {
      box_view const at = seen(I, 1, where, o.out_channels);
      if (!measuring()) activate_grad<Arch, Form.function_at(I)>(y, at);
    } else if constexpr (kind == op_kind::add) {
      box_view const other = seen(I, 1 - main, where, o.out_channels);
      if (!measuring()) add<Arch>(y, other);
    } else if constexpr (kind == op_kind::drop) {
      if (!measuring())
        drop(y, o.out_size, o.in_channels, s_.first_channel[I], ops::drop_stream(c_->key, o.channel), o.rate);
    } else {
      norm_op<kind>(o, y, I);
    }
    finish(I, y);
  }

  /// Per-channel factors from the statistics, then one pass.
  template <op_kind Kind> void norm_op(instruction const& o, patch const& y, int i) {
    int const channels = o.out_channels, padded = layout::blocks(channels) * layout::block;
    float* const a = take({{0, 0, 0}, {1, 1, 3}}, padded).data;
    float *const b = a + padded, *const c = b + padded;
    box_view const x = Kind == op_kind::norm_grad ? seen(i, 1, y.where, channels) : patch{};
    if (measuring()) return;
    for (int k = 0; k < 3 * padded; ++k) a[k] = 0;
    float const* const scale = c_->parameter_at(o.parameter);
    if constexpr (Kind == op_kind::norm) {
      norm_factors(scale, c_->parameter_at(o.parameter + 1), stored_floats(o.in[1]), channels, o.groups, a, b);
      normalise<Arch>(y, a, b);
    } else if constexpr (Kind == op_kind::norm_running) {
      running_factors(scale, c_->parameter_at(o.parameter + 1), c_->parameter_at(o.parameter + 2),
                      c_->parameter_at(o.parameter + 3), channels, a, b);
      normalise<Arch>(y, a, b);
    } else {
      norm_grad_factors(scale, stored_floats(o.in[2]), stored_floats(o.in[3]), channels, o.groups, o.out_size.volume(),
                        a, b, c);
      norm_grad<Arch>(y, x, a, b, c);
    }
  }

  template <int I> void loss_op() {
    instruction const& o = at(I);
    patch const y = overwritable(I, 0, elementwise_box(I), o.out_channels);
    patch const loss = take(y.where, 1);
    if (!measuring()) {
      operand const &labels = s_.operands[o.in[1].first], &weights = s_.operands[o.in[2].first];
      if (o.loss->plain) softmax_loss(y, labels, weights, c_->arena, c_->label_factor, loss);
      else pixel_losses(*o.loss, y, labels, weights, c_->arena, c_->label_factor, loss,
                        o.in[3].count > 0 ? stored_floats(o.in[3]) : nullptr);
      if (o.out[1].operand != none) store(loss, s_.operands[o.out[1].operand], c_->arena);
    }
    finish(I, y);
  }

  /// Ops whose output has another size than their input: poolings, upsamplings, and their gradients.
  template <int I> void resize_op() {
    constexpr op_kind kind = Form.kind(I);
    instruction const& o = at(I);
    bool const follows = o.in[0].made != none && !is_anchor(I);
    if constexpr (is_pooling(kind)) {
      box const out = follows ? divided(made_[o.in[0].made].where, o.window) : box_[I];
      patch const x = input(I, 0, scaled(out, o.window), o.in_channels);
      if (x.data == nullptr) return finish(I, patch::over(nullptr, out, o.out_channels));
      patch const y = take(out, o.out_channels);
      if (!measuring()) {
        if constexpr (kind == op_kind::avg_pool) avg_pool(x, y, o.window);
        else max_pool(x, y, o.window, o.out[1].operand == none ? nullptr : &s_.operands[o.out[1].operand], c_->arena);
      }
      finish(I, y);
    } else if constexpr (is_pooling_grad(kind)) {
      box const out = follows ? scaled(made_[o.in[0].made].where, o.window) : box_[I];
      if constexpr (kind == op_kind::max_pool_grad) {
        if (follows && pool_grad_stored_at_once(I)) {
          if (!measuring())
            store_pool_grad<Arch, Form.function_at(I)>(made_[o.in[0].made], s_.operands[o.in[1].first],
                                                       rest_of_pool_grad(I), c_->arena);
          return finish(I, patch::over(nullptr, out, o.out_channels));
        }
      }
      patch const dy = input(I, 0, divided(out, o.window), o.in_channels);
      patch const dx = take(out, o.out_channels);
      if (!measuring()) {
        if constexpr (kind == op_kind::avg_pool_grad) avg_pool_grad(dy, dx, o.window);
        else max_pool_grad(dy, s_.operands[o.in[1].first], c_->arena, dx, o.window);
      }
      finish(I, dx);
    } else if constexpr (kind == op_kind::upsample) {
      patch const x = input(I, 0, upsample_input(box_[I], o.in_size, o.window, o.linear), o.in_channels);
      patch const y = take(box_[I], o.out_channels);
      if (!measuring()) upsample(x, o.in_size, y, o.window, o.linear);
      finish(I, y);
    } else if constexpr (kind == op_kind::upsample_grad) {
      patch const dy = input(I, 0, upsample_grad_input(box_[I], o.out_size, o.window, o.linear), o.in_channels);
      patch const dx = take(box_[I], o.out_channels);
      if (!measuring()) upsample_grad(dy, dx, o.out_size, o.window, o.linear);
      finish(I, dx);
    } else {
      static_assert(kind == op_kind::mirror_grad);
      patch const dy = input(I, 0, mirror_grad_input(box_[I], o.border, o.out_size), o.in_channels);
      patch const dx = take(box_[I], o.out_channels);
      if (!measuring()) mirror_grad(dy, dx, o.border, o.out_size);
      finish(I, dx);
    }
  }
};

}  // namespace oxbow::on_host
