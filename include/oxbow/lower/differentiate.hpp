// Reverse mode: the graph that computes the loss and the gradient of every parameter.
#pragma once
#include <oxbow/check/tiles.hpp>
#include <oxbow/graph/graph.hpp>

namespace oxbow {

/// A value beside the output that has a loss of its own.
struct supervised_value {
  int value = none;
  loss_function const* loss = nullptr;
};
using supervised_values = list<supervised_value, limits::losses>;

/// How a value becomes as large as the output, so that labels and weights are its own: it is enlarged, each of its
/// pixels standing for the output pixels under it, and what reaches beyond the output is cropped.
struct enlargement {
  bool fits = true;
  extent factor{}, border{0, 0, 0};
};
constexpr enlargement enlargement_of(flat_graph const& net, int v) {
  enlargement e;
  for (int a = 0; a < 3; ++a) {
    ratio const of_value = step_along(net, v, a), of_output = step_along(net, net.output, a);
    int const over = of_value.over * of_output.under, under = of_value.under * of_output.over;
    e.factor[a] = over % under == 0 ? over / under : 1;
    int const beyond = net.values[v].size[a] * e.factor[a] - net.values[net.output].size[a];
    e.fits = e.fits && over % under == 0 && beyond >= 0 && beyond % 2 == 0;
    e.border[a] = beyond / 2;
  }
  return e;
}

namespace detail {

/// One op at a time, from the loss back to the first parameter. Each case of reverse() is the
/// derivative of one forward op, written as ops: the result is an ordinary graph.
struct differentiator {
  flat_graph net;
  list<int, limits::values> gradient{};   ///< of each forward value; none where nothing flows
  list<bool, limits::values> wanted{};    ///< does a parameter influence the value?
  list<bool, limits::values> in_parts{};  ///< is it an activation's output that is only pooled and cropped?

  constexpr explicit differentiator(flat_graph const& forward) : net{forward} {
    gradient.resize(net.values.size(), none);
    wanted.resize(net.values.size(), false);
    for (auto const& o : net.ops) {
      bool w = o.parameter != none;
      for (int v : o.in) w = w || (v != none && wanted[v]);
      wanted[o.out[0]] = w;
    }
  }

  constexpr flat_graph run(loss_function const& minimised, supervised_values const& besides) {
    extent const size = net.values[net.output].size;
    int const labels = net.emit({.kind = op_kind::labels}, size, 1, element::u8);
    int const weights = net.emit({.kind = op_kind::weights}, size, 1);
    supervised_values all;
    all.push({net.output, &minimised});
    for (auto const& s : besides) all.push({as_large_as_output(s.value), s.loss});
    int const enlarging = net.ops.size();
    gradient.resize(net.values.size(), none);
    find_parts(all);
    int losses[limits::losses]{};
    for (int k = 0; k < all.size(); ++k) losses[k] = loss(all[k], labels, weights);
    net.loss = losses[0];
    for (int k = 1; k < all.size(); ++k)
      net.loss = emit({.kind = op_kind::add, .in = {net.loss, losses[k], none, none}}, net.loss);
    for (int i = enlarging - 1; i >= 0; --i)
      if (gradient[net.ops[i].out[0]] != none) reverse(net.ops[i], i);
    net.output = net.loss;
    return net;
  }

 private:
  /// The gradient of an activation that looks at its output can be taken where the output is seen: a maximum is a value
  /// of it, and so is what a crop leaves. Where nobody sees the whole output, nobody has to store it then.
  constexpr void find_parts(supervised_values const& with_losses) {
    list<bool, limits::values> pooled{};
    in_parts.resize(net.values.size(), false), pooled.resize(net.values.size(), false);
    for (op const& o : net.ops)
      if (o.kind == op_kind::activate && o.f->of_output) in_parts[o.out[0]] = true;
    for (op const& o : net.ops)
      for (int v : o.in) {
        if (v == none) continue;
        if (o.kind == op_kind::max_pool) pooled[v] = true;
        else if (o.kind != op_kind::crop) in_parts[v] = false;
      }
    for (auto const& s : with_losses) in_parts[s.value] = false;
    for (int v = 0; v < in_parts.size(); ++v) in_parts[v] = in_parts[v] && pooled[v];
  }
  /// dy of a part y of x, behind the activation that made x.
  constexpr int in_front_of_activation(int dy, int y, int x) {
    op const made = net.producer(x);
    if (!in_parts[x] || !wanted[x]) return dy;
    return emit({.kind = op_kind::activate_grad, .in = {dy, y, none, none}, .layer = made.layer, .f = made.f}, y);
  }

  /// Emits the loss of some logits, and its gradient; returns the loss of each pixel.
  constexpr int loss(supervised_value const& of, int labels, int weights) {
    int const logits = of.value;
    int sums = none;
    if (of.loss->regional())
      sums = net.emit({.kind = op_kind::loss_overlap, .in = {logits, labels, weights, none}, .loss = of.loss}, {},
                      3 * at(logits).channels);
    int const i = net.ops.size();
    flow(logits, emit({.kind = op_kind::loss, .in = {logits, labels, weights, sums}, .loss = of.loss}, logits));
    int const of_pixels = net.values.push({at(logits).size, 1, element::f32, i});
    net.ops[i].out[1] = of_pixels;
    return of_pixels;
  }

  constexpr int as_large_as_output(int v) {
    enlargement const e = enlargement_of(net, v);
    extent size = at(v).size;
    auto const next = [&](op o) {
      o.in[0] = v;
      wanted.resize(net.values.size(), false);
      wanted.push(wanted[v]);
      v = net.emit(o, size, at(v).channels);
    };
    for (int a = 0; a < 3; ++a) size[a] *= e.factor[a];
    if (e.factor.volume() > 1) next({.kind = op_kind::upsample, .window = e.factor, .stride = e.factor});
    size = at(net.output).size;
    if (e.border.depth + e.border.height + e.border.width > 0) next({.kind = op_kind::crop, .border = e.border});
    return v;
  }

  constexpr value const& at(int v) const { return net.values[v]; }

  /// Some g flows into v; what has flowed before is added.
  constexpr void flow(int v, int g) {
    gradient[v] = gradient[v] == none ? g : emit({.kind = op_kind::add, .in = {gradient[v], g, none, none}}, v);
  }
  constexpr int emit(op o, int like) { return net.emit(o, at(like).size, at(like).channels); }

  /// The op `o`, read backward: from dy to something as large as its input, if anybody asks for it.
  constexpr void input(op o, op_kind kind, int dy, int also = none) {
    int const x = o.in[0];
    if (!wanted[x]) return;
    o.kind = kind;
    o.in[0] = dy, o.in[1] = also;
    o.out[1] = o.like = none;
    if (kind != op_kind::convolve_grad && kind != op_kind::up_convolve_grad) o.parameter = none;
    flow(x, emit(o, x));
  }

  constexpr void convolution(op const& o, op_kind weight, op_kind data, int dy) {
    op w = o;
    w.kind = weight, w.in[0] = dy, w.in[1] = o.in[0];
    parameters(w, net.parameters[o.parameter].count());
    op b{.kind = op_kind::bias_grad, .in = {dy, none, none, none}, .parameter = o.parameter + 1, .layer = o.layer};
    parameters(b, net.parameters[o.parameter + 1].count());
    input(o, data, dy);
  }
  constexpr void parameters(op const& o, std::int64_t count) {
    int const v = net.emit(o, {1, 1, static_cast<int>(count)}, 1);
    net.values[v].in_gradients = true;
  }

  constexpr void norm(op const& o, int dy) {
    int const x = o.in[0], statistics = o.in[1], channels = at(x).channels;
    int const i = net.ops.size();
    op s{.kind = op_kind::norm_grad_statistics,
         .in = {dy, x, statistics, none},
         .parameter = o.parameter,
         .layer = o.layer,
         .groups = o.groups};
    int const sums = net.emit(s, {}, 2 * channels);
    int const g = net.values.push({{1, 1, 2 * channels}, 1, element::f32, i, true});
    net.ops[i].out[1] = g;
    if (!wanted[x]) return;
    s.kind = op_kind::norm_grad, s.in[3] = sums;
    flow(x, emit(s, x));
  }

  constexpr void reverse(op const o, int i) {
    int const x = o.in[0], y = o.out[0];
    bool const part = o.kind == op_kind::max_pool || o.kind == op_kind::crop;
    int const dy = part ? in_front_of_activation(gradient[y], y, x) : gradient[y];
    switch (o.kind) {
      case op_kind::convolve: convolution(o, op_kind::convolve_grad_weight, op_kind::convolve_grad, dy); break;
      case op_kind::up_convolve: convolution(o, op_kind::up_convolve_grad_weight, op_kind::up_convolve_grad, dy); break;
      case op_kind::max_pool: {
        if (!wanted[x]) break;
        auto const places = o.window.volume();
        element const bits = places <= 4 ? element::bits2 : places <= 16 ? element::bits4 : element::u8;
        int const place = net.values.push({at(y).size, at(y).channels, bits, i});
        net.ops[i].out[1] = place;
        input(o, op_kind::max_pool_grad, dy, place);
        break;
      }
      case op_kind::avg_pool: input(o, op_kind::avg_pool_grad, dy); break;
      case op_kind::upsample: input(o, op_kind::upsample_grad, dy); break;
      case op_kind::mirror: input(o, op_kind::mirror_grad, dy); break;
      case op_kind::crop: input(o, op_kind::pad_zero, dy); break;
      case op_kind::activate:
        if (!in_parts[y]) input(o, op_kind::activate_grad, dy, o.f->of_output ? y : x);
        else if (wanted[x]) flow(x, dy);  // it has been through already
        break;
      case op_kind::drop: input(o, op_kind::drop, dy); break;       // the same random stream
      case op_kind::norm: norm(o, dy); break;
      case op_kind::add:
        for (int k = 0; k < 2; ++k)
          if (wanted[o.in[k]]) flow(o.in[k], dy);
        break;
      case op_kind::join:
        for (int k = 0; k < 2; ++k)
          if (wanted[o.in[k]])
            flow(o.in[k], emit({.kind = op_kind::slice, .in = {dy, none, none, none}, .layer = o.layer,
                                .channel = k == 0 ? 0 : at(o.in[0]).channels}, o.in[k]));
        break;
      default: break;
    }
  }
};

}  // namespace detail

/// forward → forward, losses and backward. `besides` have losses of their own, which are added. The caller reads the
/// loss of each pixel and the gradient arena.
constexpr flat_graph differentiate(flat_graph const& forward,
                                   loss_function const& minimised = loss_of<cross_entropy>::self,
                                   supervised_values const& besides = supervised_values{}) {
  return detail::differentiator{forward}.run(minimised, besides);
}

}  // namespace oxbow
