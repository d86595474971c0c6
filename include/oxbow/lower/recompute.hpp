// Making forward values again in the backward pass instead of keeping them: a rewrite of the training graph.
#pragma once
#include <oxbow/graph/graph.hpp>

namespace oxbow {

/// Forward values, each in or out.
struct value_set {
  bool has[limits::values]{};
};

/// Can the op run again, from its inputs, and make the same bits? Dropout can: its mask is a function of a
/// counter. The statistics of a norm could, but would move the running statistics twice.
constexpr bool repeats(op_kind k) {
  return k == op_kind::convolve || k == op_kind::up_convolve || k == op_kind::upsample || k == op_kind::max_pool ||
         k == op_kind::avg_pool || k == op_kind::activate || k == op_kind::drop || k == op_kind::norm ||
         k == op_kind::add || is_view(k);
}

namespace detail {

/// Copies a training graph op by op. Before the first backward op that reads a value of the set, the op that
/// makes it stands once more.
struct repeater {
  flat_graph const& from;
  value_set const& again;
  flat_graph to;
  int copy_of[limits::values];

  constexpr repeater(flat_graph const& net, value_set const& set) : from{net}, again{set}, to{net}, copy_of{} {
    to.ops.count = 0;
    for (int& v : copy_of) v = none;
  }

  /// The value that a backward op reads in the place of v. What merely looks at a value of the set looks at the
  /// copy, but for crops that are not in the set: a skip can be kept at the size of its crop.
  constexpr int read(int v) {
    if (from.values.items[v].producer >= from.forward_ops) return v;
    op const& made = from.producer(v);
    if (!again.has[v] && !(made.kind == op_kind::join || made.kind == op_kind::mirror)) return v;
    if (copy_of[v] != none) return copy_of[v];
    op o = made;
    bool changed = again.has[v];
    for (int& u : o.in) {
      int const original = u;
      if (u != none) u = read(u);
      changed = changed || u != original;
    }
    if (!changed) return v;
    o.out[1] = none;  // the places of a pooling's maxima are kept
    return copy_of[v] = to.emit(o, from.values.items[v].size, from.values.items[v].channels);
  }

  constexpr flat_graph run() {
    for (int i = 0; i < from.ops.count; ++i) {
      op o = from.ops.items[i];
      if (i >= from.forward_ops && !is_loss(o.kind))
        for (int& v : o.in)
          if (v != none) v = read(v);
      for (int v : o.out)
        if (v != none) to.values.items[v].producer = to.ops.count;
      to.ops.push(o);
    }
    return to;
  }
};

}  // namespace detail

/// The same graph, but each value of the set is made again where the backward pass first reads it. The set holds
/// values whose op `repeats`. Law: every value has the same bits as before.
constexpr flat_graph repeat_in_backward(flat_graph const& training, value_set const& set) {
  return detail::repeater{training, set}.run();
}

}  // namespace oxbow
