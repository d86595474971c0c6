// Which ops run together in one step, and which values are stored.
#pragma once
#include <initializer_list>

#include <oxbow/core/layout.hpp>
#include <oxbow/graph/graph.hpp>
#include <oxbow/lower/work.hpp>

namespace oxbow {

/// Which rewrites to make. All off: every op is a step and every value is stored.
struct fusions {
  bool views = true;        ///< joins, crops and slices are read through, not copied
  bool epilogues = true;    ///< elementwise ops, poolings and sums run where their input is made
  bool gradients = true;    ///< the gradient of a bias is taken with that of its weights
  bool heads = true;        ///< a 1×1 convolution to few channels, and the loss, join the step before
  bool recompute = true;    ///< a convolution of few inputs is computed again instead of stored
  /// Not 0: heads are only those behind a 3×3 convolution to so many channels at most, and where such a step ends in
  /// the loss the way back begins in it, so that nobody stores the map that the head reads.
  int narrow_heads = 0;
  /// Not 0: gradients of weights wait for others of their kind until there are so many multiply-adds together: one
  /// launch can share them out evenly. What they read lies in memory meanwhile.
  std::int64_t gradients_together = 0;
  bool only_3x3_together = false;   ///< others have no launch to share
};

/// What can wait under fusions::gradients_together: what a matrix unit does, images and not volumes, and not the layer
/// that reads the image.
constexpr bool can_wait(flat_graph const& n, op const& o) {
  bool const weights = o.kind == op_kind::convolve_grad_weight || o.kind == op_kind::up_convolve_grad_weight;
  return weights && n.values[o.in[0]].size.depth == 1 && n.values[o.in[1]].size.depth == 1 &&
         n.producer(o.in[1]).kind != op_kind::image;
}
/// The kind of those it waits for: 0: 3×3 of stride 1, 1: all others.
constexpr int kind_of_waiting(op const& o) {
  bool const plain = o.stride.volume() == 1 && o.dilation.volume() == 1;
  return o.kind == op_kind::convolve_grad_weight && o.window == extent{1, 3, 3} && plain ? 0 : 1;
}

/// A fused graph is the same graph with two marks: the step that each op runs in, and whether each
/// value is stored. A value that is not stored is computed where it is read. So a fusion cannot change
/// a result by construction; the law fused-equals-unfused tests stores, order and addresses.
struct fused_graph {
  flat_graph net;
  list<int, limits::ops> step_of{};       ///< none for sources and views
  list<bool, limits::values> stored{};
  list<int, limits::ops> anchor{};        ///< of each step, the op that it was made for

  constexpr int count() const { return anchor.size(); }
  constexpr int home(int v) const { return step_of[net.values[v].producer]; }   ///< the step that makes v
};

constexpr bool is_reduction(op_kind k) {
  return k == op_kind::norm_statistics || k == op_kind::norm_grad_statistics || k == op_kind::convolve_grad_weight ||
         k == op_kind::up_convolve_grad_weight || k == op_kind::bias_grad || k == op_kind::loss_overlap;
}
constexpr bool is_elementwise(op_kind k) {
  return k == op_kind::activate || k == op_kind::activate_grad || k == op_kind::drop || k == op_kind::add ||
         k == op_kind::norm || k == op_kind::norm_running || k == op_kind::norm_grad;
}
constexpr bool is_pooling(op_kind k) { return k == op_kind::max_pool || k == op_kind::avg_pool; }
constexpr bool is_pooling_grad(op_kind k) { return k == op_kind::max_pool_grad || k == op_kind::avg_pool_grad; }

namespace detail {

/// Gives each op a step, then each value its mark.
struct fuser {
  static constexpr int most_ops = 8;        // besides parts that are stored: a form spells ten
  static constexpr int most_functions = 4;
  static constexpr int head_channels = 8;
  static constexpr int cheap = 32;          // products per output of a convolution that is cheaper made than read

  fused_graph g;
  fusions on;
  list<int, limits::values> readers{};
  list<int, limits::values> ready{};        ///< the step after which a value can be read; none: before the first
  struct contents { int ops = 0, functions = 0, poolings = 0, resizings = 0, losses = 0; };
  list<contents, limits::ops> has{};

  constexpr fuser(flat_graph const& net, fusions f) : g{net}, on{f} {
    readers.resize(net.values.size(), 0);
    ready.resize(net.values.size(), none);
    g.stored.resize(net.values.size(), false);
    for (op const& o : net.ops)
      for (int v : o.in)
        if (v != none) ++readers[v];
    ++readers[net.output];
  }

  constexpr op const& anchor(int step) const { return g.net.ops[g.anchor[step]]; }
  /// Address arithmetic and no step; what the caller reads is always made.
  constexpr bool viewed(op const& o) const { return on.views && is_view(o.kind) && o.out[0] != g.net.output; }

  /// A crop or a slice of what a step makes can be used within the step: it is part of its tile.
  constexpr bool is_part(int v, int step) const {
    op const& p = g.net.producer(v);
    return viewed(p) && (p.kind == op_kind::crop || (p.kind == op_kind::slice && p.channel % layout::block == 0)) &&
           ready[p.in[0]] == step && !viewed(g.net.producer(p.in[0]));
  }

  /// The step that makes the last of an op's inputs, and that input.
  constexpr int last_input(op const& o, int& value) const {
    int s = none;
    for (int v : o.in)
      if (v != none && (ready[v] > s || s == none)) s = ready[v], value = v;
    return s;
  }

  /// A forward op in the backward pass (see recompute.hpp) runs there: in a forward step its result would lie
  /// in memory all the while.
  constexpr bool is_repeated(op const& o) const {
    return o.kind < op_kind::loss && g.net.values[o.out[0]].producer >= g.net.forward_ops;
  }

  /// The step that `o` may join, or none.
  constexpr int host(op const& o) const {
    int v = none;
    int const s = last_input(o, v);
    if (s == none || is_reduction(anchor(s).kind) || is_view(anchor(s).kind)) return none;
    if (g.net.producer(v).out[0] != v) return none;  // the second result of an op is in memory only
    if (is_repeated(o) && g.anchor[s] < g.net.forward_ops) return none;
    if (viewed(g.net.producer(v)) && !(is_part(v, s) && is_elementwise(o.kind))) return none;
    contents const& c = has[s];
    if (c.ops >= most_ops) return none;
    bool const functional = o.kind == op_kind::activate || o.kind == op_kind::activate_grad;
    if (functional && c.functions >= most_functions) return none;
    if (o.kind != op_kind::norm && is_elementwise(o.kind))
      return on.epilogues && g.net.values[v].size == g.net.values[o.out[0]].size ? s : none;
    if (is_pooling(o.kind)) return on.epilogues && c.poolings + c.resizings == 0 && tiled(anchor(s).kind) ? s : none;
    if (is_pooling_grad(o.kind))
      return on.epilogues && readers[o.in[0]] == 1 && v == o.in[0] && c.poolings + c.resizings == 0 &&
                     tiled(anchor(s).kind)
                 ? s
                 : none;
    if (o.kind == op_kind::convolve)
      return on.heads && o.window.volume() == 1 && o.stride.volume() == 1 && o.border == extent{0, 0, 0} &&
                     c.poolings + c.resizings == 0 && g.net.values[o.out[0]].channels <= head_channels &&
                     anchor(s).kind == op_kind::convolve && (on.narrow_heads == 0 || is_narrow(s, o))
                 ? s
                 : none;
    if (o.kind == op_kind::loss)
      return on.heads && c.losses == 0 &&  // a kernel knows one
                     (on.narrow_heads == 0 || g.net.values[o.in[0]].channels <= head_channels)
                 ? s
                 : none;
    return none;
  }
  /// How many tensors a read of v touches, seen through views; more than two if one of them is written by the caller.
  constexpr int parts_of(int v) const {
    op const& p = g.net.producer(v);
    if (is_source(p.kind)) return 3;
    if (!viewed(p)) return 1;
    return parts_of(p.in[0]) + (p.kind == op_kind::join ? parts_of(p.in[1]) : 0);
  }
  /// May the head join a step under fusions::narrow_heads?
  constexpr bool is_narrow(int step, op const& head) const {
    op const& a = anchor(step);
    int const map = head.in[0];
    op const& last = g.net.producer(map);
    bool const active = last.kind == op_kind::activate, learns = g.net.loss != none;
    int const others = learns ? 1 + (active && last.f->of_output) : 0;   // the gradients of the head and of the map
    return a.window == extent{1, 3, 3} && a.stride.volume() == 1 && a.dilation.volume() == 1 &&
           g.net.values[map].size.depth == 1 && g.net.values[map].channels <= on.narrow_heads &&
           parts_of(a.in[0]) <= 2 && has[step].ops == 1 + active && readers[map] == 1 + others &&
           (!learns || (reader(op_kind::loss, head.out[0]) != none && readers[head.out[0]] == 1));
  }
  /// Anchors whose tiles may have any origin and size, so that a window can be laid over them.
  static constexpr bool tiled(op_kind k) {
    return k == op_kind::convolve || k == op_kind::convolve_grad || k == op_kind::up_convolve_grad || is_elementwise(k);
  }

  constexpr void assign() {
    for (int i = 0; i < g.net.ops.size(); ++i) {
      op const& o = g.net.ops[i];
      int s = none, step = none;
      if (viewed(o)) {
        int v = none;
        s = last_input(o, v);
      } else if (!is_source(o.kind)) {
        s = on.gradients && o.kind == op_kind::bias_grad ? g.step_of[i - 1] : host(o);
        if (s == none) s = new_step(i);
        step = s;
        contents& c = has[s];
        ++c.ops;
        c.functions += o.kind == op_kind::activate || o.kind == op_kind::activate_grad;
        c.poolings += is_pooling(o.kind);
        c.losses += o.kind == op_kind::loss;
        c.resizings += is_pooling_grad(o.kind);
        for (int v : o.in)
          if (v != none && s != i && ready[v] == s && is_part(v, s)) g.step_of[g.net.values[v].producer] = s, ++c.ops;
      }
      g.step_of.push(step);
      for (int v : o.out)
        if (v != none) ready[v] = s;
    }
  }
  constexpr int new_step(int op) {
    has.push({});
    return g.anchor.push(op);
  }

  /// The first op of a kind that reads a value first, or none.
  constexpr int reader(op_kind kind, int value) const {
    for (int i = 0; i < g.net.ops.size(); ++i)
      if (g.net.ops.items[i].kind == kind && g.net.ops.items[i].in[0] == value) return i;
    return none;
  }
  /// The head's own gradients, and that of the map in front of it, move into the step of their loss.
  constexpr void begin_backward() {
    for (int i = 0; i < g.net.ops.size(); ++i) {
      op const& loss = g.net.ops[i];
      int const s = g.step_of[i];
      if (loss.kind != op_kind::loss || anchor(s).kind != op_kind::convolve ||
          g.net.values[loss.in[0]].producer == g.anchor[s] || has[s].poolings > 0)
        continue;
      int const data = reader(op_kind::convolve_grad, loss.out[0]);  // none where the head reads the image
      for (int moved : {reader(op_kind::convolve_grad_weight, loss.out[0]), reader(op_kind::bias_grad, loss.out[0]),
                        data, data == none ? none : reader(op_kind::activate_grad, g.net.ops[data].out[0])})
        if (moved != none) g.step_of[moved] = s;
    }
    renumber();
  }

  /// Marks what a step must find in memory, looking through views.
  constexpr void need(int v, int step) {
    op const& p = g.net.producer(v);
    if (step != none && g.home(v) == step) return;              // made in this very step
    if (viewed(p)) {
      for (int u : p.in)
        if (u != none) need(u, step);
    } else {
      g.stored[v] = true;
    }
  }

  constexpr void mark() {
    for (int i = 0; i < g.net.ops.size(); ++i) {
      op const& o = g.net.ops[i];
      if (is_source(o.kind)) g.stored[o.out[0]] = true;
      if (g.step_of[i] == none) continue;
      for (int v : o.in)
        if (v != none) need(v, g.step_of[i]);
    }
    need(g.net.output, none);
    for (int v = 0; v < g.net.values.size(); ++v)
      if (g.net.values[v].in_gradients || (!on.epilogues && !viewed(g.net.producer(v)))) g.stored[v] = true;
  }

  /// A tensor that others read only in parts is stored in parts: a skip as large as its crop, and the
  /// gradient of a join as one tensor for each side.
  constexpr void store_parts() {
    struct uses { int crops = 0, slices = 0, others = 0; };
    list<uses, limits::values> by;             // by other steps
    by.resize(g.net.values.size());
    for (int i = 0; i < g.net.ops.size(); ++i)
      for (int v : g.net.ops.items[i].in) {
        if (v == none || !g.stored.items[v] || g.step_of.items[i] == g.home(v)) continue;
        op_kind const k = g.net.ops.items[i].kind;
        ++(k == op_kind::crop ? by[v].crops : k == op_kind::slice ? by[v].slices : by[v].others);
      }
    for (int i = 0; i < g.net.ops.size(); ++i) {
      op const& o = g.net.ops.items[i];
      if (o.kind != op_kind::crop && o.kind != op_kind::slice) continue;
      int const v = o.in[0];
      uses const& u = by[v];
      if (g.home(v) == none || v == g.net.output || u.others > 0 || (u.slices > 0 ? u.crops > 0 : u.crops != 1))
        continue;
      g.stored[v] = false;
      g.stored[o.out[0]] = o.out[0] == g.net.output || is_read_beyond(o.out[0], g.home(v));
      g.step_of[i] = g.home(v);
    }
  }
  constexpr bool is_read_beyond(int v, int step) const {
    for (int i = 0; i < g.net.ops.size(); ++i)
      for (int u : g.net.ops.items[i].in)
        if (u == v && g.step_of.items[i] != step) return true;
    return false;
  }

  /// A cheap convolution of the image that one other convolution reads moves into its step.
  constexpr void recompute() {
    for (int s = 0; s < g.count(); ++s) {
      op const& o = anchor(s);
      if (o.kind != op_kind::convolve || o.window.volume() * g.net.values[o.in[0]].channels > cheap ||
          g.net.producer(o.in[0]).kind != op_kind::image)
        continue;
      int const reader = only_reader(s);
      if (reader == none || anchor(reader).kind != op_kind::convolve || has[s].ops + has[reader].ops > most_ops ||
          has[s].functions + has[reader].functions > most_functions || has[s].poolings > 0) continue;
      for (int i = 0; i < g.net.ops.size(); ++i) {
        if (g.step_of[i] != s) continue;
        g.step_of[i] = reader;
        for (int v : g.net.ops[i].out)
          if (v != none) g.stored[v] = false;
      }
      break;
    }
    renumber();
  }
  /// The one step that reads, and only directly, the one value that step s stores; or none.
  constexpr int only_reader(int s) const {
    int reader = none, value = none;
    for (int i = 0; i < g.net.ops.size(); ++i)
      for (int v : g.net.ops[i].in) {
        if (v == none || g.home(v) != s || g.step_of[i] == s || !g.stored[v]) continue;
        if (g.step_of[i] == none || (reader != none && (reader != g.step_of[i] || value != v))) return none;
        if (g.net.ops[g.anchor[g.step_of[i]]].in[0] != v) return none;
        reader = g.step_of[i], value = v;
      }
    return value == g.net.output ? none : reader;
  }

  /// Gradients of weights, which no step reads, move behind others, until they are worth a launch.
  constexpr void gather_gradients() {
    struct kind { list<int, limits::ops> waiting{}; std::int64_t work = 0; };
    list<int, limits::ops> order, number;
    kind kinds[2];
    auto const flush = [&](kind& k) {
      for (int s : k.waiting) order.push(s);
      k.waiting.resize(0), k.work = 0;
    };
    for (int s = 0; s < g.count(); ++s) {
      op const& o = anchor(s);
      if (!can_wait(g.net, o) || (on.only_3x3_together && kind_of_waiting(o) != 0)) {
        order.push(s);
        continue;
      }
      kind& k = kinds[kind_of_waiting(o)];
      k.waiting.push(s);
      if ((k.work += work_of(g.net, o)) >= on.gradients_together) flush(k);
    }
    for (kind& k : kinds) flush(k);
    number.resize(g.count());
    list<int, limits::ops> anchors;
    for (int s : order) number[s] = anchors.push(g.anchor[s]);
    g.anchor = anchors;
    for (int& s : g.step_of)
      if (s != none) s = number[s];
  }

  /// Numbers the steps that are left without gaps.
  constexpr void renumber() {
    list<int, limits::ops> used, number;
    used.resize(g.count(), 0);
    for (int s : g.step_of)
      if (s != none) used[s] = 1;
    list<int, limits::ops> anchors;
    for (int s = 0; s < g.count(); ++s) number.push(used[s] ? anchors.push(g.anchor[s]) : none);
    g.anchor = anchors;
    for (int& s : g.step_of)
      if (s != none) s = number[s];
  }
};

}  // namespace detail

constexpr fused_graph fuse(flat_graph const& net, fusions on = {}) {
  detail::fuser f{net, on};
  f.assign();
  if (on.narrow_heads > 0) f.begin_backward();
  f.mark();
  if (on.views) f.store_parts();
  if (on.recompute) f.recompute();
  if (on.gradients_together > 0) f.gather_gradients();
  return f.g;
}

}  // namespace oxbow
