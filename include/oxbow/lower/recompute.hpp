// Computing cheap activations again in the backward pass, where memory is short.
#pragma once
#include <limits>

#include <oxbow/lower/place.hpp>
#include <oxbow/lower/plan.hpp>

namespace oxbow {

/// A budget that any plan fits.
inline constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

/// The forward values that the backward pass makes again instead of keeping.
using value_set = list<int, limits::values>;

namespace detail {

constexpr bool contains(value_set const& set, int v) {
  for (int u : set)
    if (u == v) return true;
  return false;
}

/// Can the op run again from its inputs? Dropout can: its mask is a function of a counter.
constexpr bool repeats(op_kind k) {
  return k == op_kind::convolve || k == op_kind::up_convolve || is_pooling(k) || k == op_kind::upsample ||
         k == op_kind::activate || k == op_kind::drop || k == op_kind::norm || k == op_kind::add;
}

/// Copies a training graph; before the first backward op that reads a value of the set, the op that made it is repeated.
struct repeater {
  flat_graph const& from;
  value_set const& again;
  flat_graph to{};
  list<int, limits::values> value_of{}, repeated{};

  constexpr repeater(flat_graph const& net, value_set const& set) : from{net}, again{set}, to{net} {
    to.values.resize(0), to.ops.resize(0);
    value_of.resize(net.values.size(), none), repeated.resize(net.values.size(), none);
  }

  constexpr int read(int v, bool backward) {
    if (!backward || !is_forward(v)) return value_of[v];
    op_kind const k = from.producer(v).kind;
    if (!contains(again, v) && !is_view(k)) return value_of[v];
    if (is_view(k) && !reads_repeated(v)) return value_of[v];
    if (repeated[v] != none) return repeated[v];
    op o = from.producer(v);
    for (int& u : o.in)
      if (u != none) u = read(u, true);
    if (o.like != none) o.like = value_of[o.like];
    o.out[1] = none;
    return repeated[v] = to.emit(o, from.values[v].size, from.values[v].channels);
  }
  constexpr bool is_forward(int v) const { return from.values[v].producer < from.forward_ops; }
  constexpr bool reads_repeated(int v) const {
    if (contains(again, v)) return true;
    if (!is_view(from.producer(v).kind)) return false;
    for (int u : from.producer(v).in)
      if (u != none && reads_repeated(u)) return true;
    return false;
  }

  constexpr flat_graph run() {
    for (int i = 0; i < from.ops.size(); ++i) {
      op o = from.ops[i];
      bool const backward = i >= from.forward_ops && !is_source(o.kind) && o.kind != op_kind::loss;
      for (int& v : o.in)
        if (v != none) v = read(v, backward);
      if (o.like != none) o.like = value_of[o.like];
      for (int& v : o.out) {
        if (v == none) continue;
        value x = from.values[v];
        x.producer = to.ops.size();
        v = value_of[v] = to.values.push(x);
      }
      to.ops.push(o);
    }
    to.output = value_of[from.output], to.loss = value_of[from.loss];
    return to;
  }
};

/// Multiply-adds to make v again, down to values that are kept for the backward pass anyway.
constexpr std::int64_t repeat_cost(flat_graph const& net, int v) { return work_of(net, net.producer(v)); }

}  // namespace detail

constexpr flat_graph repeat_in_backward(flat_graph const& training, value_set const& again) {
  return detail::repeater{training, again}.run();
}

namespace detail {

/// The kept value that frees most bytes per multiply-add at the step where memory peaks, or none.
constexpr int next_to_repeat(flat_graph const& training, value_set const& again) {
  fused_graph const g = fuse(repeat_in_backward(training, again));
  placement const p = liveness(g);
  std::int64_t most = 0;
  int peak = 0;
  for (int s = 0; s < g.count(); ++s) {
    std::int64_t alive = 0;
    for (auto const& b : p.buffers)
      if (b.born <= s && s <= b.dies) alive += b.bytes;
    if (alive > most) most = alive, peak = s;
  }
  int best = none;
  double least = 0;
  for (auto const& b : p.buffers) {
    op const& o = g.net.producer(b.value);
    if (g.net.values[b.value].producer >= training.forward_ops || !(b.born < peak && peak < b.dies)) continue;
    // Forward ops come first and unchanged in the new graph, and so do their values: the numbers agree.
    int v = b.value;
    if (o.kind == op_kind::crop) v = o.in[0];
    if (contains(again, v) || !repeats(training.producer(v).kind)) continue;
    // An elementwise op is repeated from its input, which must then be kept or repeated as well.
    std::int64_t cost = repeat_cost(training, v);
    for (int u = v; is_elementwise(training.producer(u).kind);) {
      u = training.producer(u).in[0];
      if (p.buffer_of[u] != none) break;
      cost += repeat_cost(training, u);
    }
    double const price = static_cast<double>(cost) / static_cast<double>(b.bytes);
    if (best == none || price < least) best = v, least = price;
  }
  return best;
}

constexpr value_set with(flat_graph const& training, value_set set, int v) {
  if (v == none) return set;
  set.push(v);
  for (int u = v; is_elementwise(training.producer(u).kind);) {
    u = training.producer(u).in[0];
    if (!repeats(training.producer(u).kind) || contains(set, u)) break;
    set.push(u);
  }
  return set;
}

/// One value more at a time, each step of the search a constant of its own.
template <flat_graph const& Training, std::int64_t Budget, int Count = 0> struct repeat_search {
  static constexpr value_set before() {
    if constexpr (Count == 0) return {};
    else return repeat_search<Training, Budget, Count - 1>::chosen;
  }
  static constexpr value_set chosen = Count == 0 ? value_set{} : with(Training, before(), next_to_repeat(Training, before()));
  static constexpr std::int64_t bound = liveness(fuse(repeat_in_backward(Training, chosen))).bound_bytes;
  static constexpr bool stuck = Count > 0 && before().size() == chosen.size();

  static constexpr value_set const& get() {
    if constexpr (bound + bound / 256 <= Budget || stuck || Count == 24) return chosen;
    else return repeat_search<Training, Budget, Count + 1>::get();
  }
};

}  // namespace detail

/// The training graph, with as many cheap activations made again as it takes to fit the budget (bytes), or as many as can be.
template <flat_graph const& Training, std::int64_t Budget> constexpr flat_graph within_budget() {
  if constexpr (Budget == unlimited) return Training;
  else if constexpr (detail::repeat_search<Training, Budget>::get().empty()) return Training;
  else return repeat_in_backward(Training, detail::repeat_search<Training, Budget>::get());
}

}  // namespace oxbow
