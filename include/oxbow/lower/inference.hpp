// What prediction needs of a graph: what leads to the output, no dropout, and batch norms gone into the weights before
// them.
#pragma once
#include <oxbow/graph/graph.hpp>

namespace oxbow {
namespace detail {

/// Copies the forward ops one by one; value_of says where each old value went.
struct inference_rewriter {
  flat_graph const& from;
  flat_graph to{};
  list<int, limits::values> value_of{};
  list<int, limits::values> readers{};
  list<bool, limits::values> needed{};

  constexpr explicit inference_rewriter(flat_graph const& net) : from{net}, needed{needed_for(net, net.output)} {
    to.first_axis = net.first_axis;
    to.parameters = net.parameters, to.layers = net.layers, to.names = net.names;
    to.parameter_count = net.parameter_count, to.trained_count = net.trained_count;
    value_of.resize(net.values.size(), none);
    readers.resize(net.values.size(), 0);
    for (int i = 0; i < net.forward_ops; ++i)
      for (int v : net.ops[i].in)
        if (v != none && needed[net.ops[i].out[0]]) ++readers[v];
  }

  /// The statistics and the norm read x, nobody else does, and a convolution makes it.
  constexpr bool folds(int x) const {
    op_kind const k = from.producer(x).kind;
    return readers[x] == 2 && x != from.output && (k == op_kind::convolve || k == op_kind::up_convolve);
  }

  constexpr void copy(op o) {
    int const out = o.out[0];
    for (int& v : o.in)
      if (v != none) v = value_of[v];
    if (o.like != none) o.like = value_of[o.like];
    o.out[1] = none;
    value_of[out] = to.emit(o, from.values[out].size, from.values[out].channels);
  }

  constexpr flat_graph run() {
    for (int i = 0; i < from.forward_ops; ++i) {
      op o = from.ops[i];
      if (!needed[o.out[0]] && o.kind != op_kind::image) continue;
      if (o.kind == op_kind::drop) {
        value_of[o.out[0]] = value_of[o.in[0]];
      } else if (o.kind == op_kind::norm_statistics && o.running) {
        continue;
      } else if (o.kind == op_kind::norm && from.producer(o.in[1]).running) {
        if (folds(o.in[0])) {
          int const x = value_of[o.in[0]];
          to.ops[to.values[x].producer].folded = o.parameter;
          value_of[o.out[0]] = x;
        } else {
          o.kind = op_kind::norm_running;
          o.in[1] = none;
          copy(o);
        }
      } else {
        copy(o);
      }
    }
    to.output = value_of[from.output];
    to.forward_ops = to.ops.size();
    return to;
  }
};

}  // namespace detail

/// The graph that predicts. Law: it computes what the forward graph computes with dropout off and
/// running statistics in use.
constexpr flat_graph for_inference(flat_graph const& net) { return detail::inference_rewriter{net}.run(); }

}  // namespace oxbow
