// What each layer of the language does to the image that flows through it: one overload, one layer.
#pragma once
#include <oxbow/check/tracer.hpp>

namespace oxbow {

// A user's layer adds an overload `constexpr void trace(my_layer, tracer&)` in the user's own
// namespace, made of the tracer's verbs and of trace_layer; argument-dependent look-up finds it.

template <int C, int K, pad B, int S, int D> constexpr void trace(conv<C, K, B, S, D>, tracer& t) {
  t.convolve(C, K, B, S, D);
}
template <int C, int F> constexpr void trace(up_conv<C, F>, tracer& t) { t.up_convolve(C, F); }
template <int F, interpolation How> constexpr void trace(oxbow::upsample<F, How>, tracer& t) { t.upsample(F, How); }
template <int W> constexpr void trace(max_pool<W>, tracer& t) { t.max_pool(W); }
template <int W> constexpr void trace(avg_pool<W>, tracer& t) { t.avg_pool(W); }
template <real R> constexpr void trace(dropout<R>, tracer& t) { t.drop(R); }
constexpr void trace(batch_norm, tracer& t) { t.normalise(true); }
constexpr void trace(instance_norm, tracer& t) { t.normalise(false); }
template <int G> constexpr void trace(group_norm<G>, tracer& t) { t.normalise_groups(G); }
template <activation A> constexpr void trace(A, tracer& t) { t.activate(&function_of<A>::self); }

// The word for each kind of layer in a path; whatever has none is called "layer".
template <class... L> constexpr word word_of(seq<L...>) { return word::seq; }
template <class E, class I, class D, join J> constexpr word word_of(level<E, I, D, J>) { return word::level; }
template <class B, class P> constexpr word word_of(residual<B, P>) { return word::residual; }
template <class... N> constexpr word word_of(graph<N...>) { return word::graph; }
template <name N, class L> constexpr word word_of(branch<N, L>) { return word::seq; }  // its name says where
template <int C, int K, pad B, int S, int D> constexpr word word_of(conv<C, K, B, S, D>) { return word::conv; }
template <int C, int F> constexpr word word_of(up_conv<C, F>) { return word::up_conv; }
template <int F, interpolation How> constexpr word word_of(oxbow::upsample<F, How>) { return word::upsample; }
template <int W> constexpr word word_of(max_pool<W>) { return word::max_pool; }
template <int W> constexpr word word_of(avg_pool<W>) { return word::avg_pool; }
template <real R> constexpr word word_of(dropout<R>) { return word::dropout; }
constexpr word word_of(batch_norm) { return word::batch_norm; }
constexpr word word_of(instance_norm) { return word::instance_norm; }
template <int G> constexpr word word_of(group_norm<G>) { return word::group_norm; }
template <activation A> constexpr word word_of(A) { return word::activation; }

namespace detail {

/// Enters a part of the network for as long as it lives; counting starts afresh inside.
struct part {
  tracer& t;
  path outer;
  short counts[number_of_words];

  constexpr part(tracer& t, path_label here) : t{t}, outer{t.where}, counts{} {
    for (int i = 0; i < number_of_words; ++i) counts[i] = t.counts[i], t.counts[i] = 0;
    t.where.push(here);
    t.too_deep = t.too_deep || t.where.full;
  }
  constexpr ~part() {
    t.where = outer;
    for (int i = 0; i < number_of_words; ++i) t.counts[i] = counts[i];
  }
};

/// `level 1 / inner / level` reads better as `level 2`. A second level in one place is told apart.
constexpr path_label level_label(path& where, int ordinal) {
  int const n = where.size();
  if (ordinal > 1) where.push({word::seq, static_cast<short>(ordinal)});
  else if (n >= 2 && where[n - 1].what == word::inner && where[n - 2].what == word::level) {
    where.count = n - 2;
    return {word::level, static_cast<short>(where[n - 2].number + 1)};
  }
  return {word::level, 1};
}

template <class Layer> constexpr word word_for(Layer layer) {
  if constexpr (requires { word_of(layer); }) return word_of(layer);
  else return word::layer;
}

}  // namespace detail

/// Traces one layer inside another. Asking first whether it has a meaning makes a missing one a
/// sentence of its own, not a page of candidates.
template <class Layer> constexpr void trace_layer(Layer layer, tracer& t) {
  constexpr word what = detail::word_for(Layer{});
  layer_tag const* const outer = t.layer;
  t.layer = &tag_of<Layer>::self;
  if constexpr (!requires { trace(layer, t); }) {
    detail::part const here{t, {what, ++t.counts[static_cast<int>(what)]}};
    t.report(rule::layer_has_a_meaning);
  } else if constexpr (what == word::seq) {
    trace(layer, t);  // a sequence is transparent: its layers are counted where it stands
  } else {
    short const ordinal = ++t.counts[static_cast<int>(what)];
    path const here = t.where;
    path_label const label = what == word::level ? detail::level_label(t.where, ordinal) : path_label{what, ordinal};
    {
      detail::part const inside{t, label};
      trace(layer, t);
    }
    t.where = here;
  }
  t.layer = outer;
}

/// Traces a part of a combinator under its own name.
template <class Layer> constexpr void trace_part(Layer layer, tracer& t, path_label name) {
  detail::part const inside{t, name};
  trace_layer(layer, t);
}

template <class... Layers> constexpr void trace(seq<Layers...>, tracer& t) { (trace_layer(Layers{}, t), ...); }

template <class Encode, class Inner, class Decode, join How>
constexpr void trace(level<Encode, Inner, Decode, How>, tracer& t) {
  trace_part(Encode{}, t, {word::encode});
  int const skip = t.at;
  trace_part(Inner{}, t, {word::inner});
  {
    detail::part const inside{t, {word::join}};
    t.join(skip, How);
  }
  trace_part(Decode{}, t, {word::decode});
}

template <class Body, class Project> constexpr void trace(residual<Body, Project>, tracer& t) {
  int const x = t.at;
  trace_part(Body{}, t, {word::body});
  int const body = t.at;
  t.at = x;
  trace_part(Project{}, t, {word::project});
  int const projected = t.at;
  t.at = body;
  t.add(projected);
}

namespace detail {

/// The nodes of a graph while it is walked: their names, where those begin in the table of names, their values.
struct wires {
  int first = 0, nodes = 0;           ///< names [first, first + nodes) are this graph's; the first is "input"
  list<int, limits::nodes> values{};  ///< of those that have been traced

  constexpr int find(tracer const& t, name wanted) const {
    for (int i = 0; i < nodes && first + i < t.net.names.size(); ++i)
      if (t.net.names[first + i] == wanted) return i;
    return none;
  }
};

constexpr void read_node(name from, int position, tracer& t, wires const& w, int& joined) {
  int const known = w.find(t, from);
  short const in_table = static_cast<short>(known == none ? t.net.add_name(from) : w.first + known);
  part const inside{t, {word::source, in_table}};
  if (known == none) t.report(rule::name_is_known);
  else if (known >= w.values.size()) t.report(rule::name_comes_earlier);
  t.at = w.values[known == none || known >= w.values.size() ? 0 : known];
  if (position > 0) t.join(joined, join::concat);
  joined = t.at;
}

template <name Name, class Layer, name... From>
constexpr void trace_node(node<Name, Layer, From...>, tracer& t, wires& w) {
  int const self = w.values.size(), in_table = w.first + self, last = t.net.names.size() - 1;
  part const inside{t, {word::node, static_cast<short>(in_table < last ? in_table : last)}};
  if (w.find(t, Name) != self) t.report(rule::name_is_new);
  if (sizeof...(From) == 0) t.report(rule::node_reads_something);
  int joined = none, position = 0;
  (read_node(From, position++, t, w, joined), ...);
  trace_layer(Layer{}, t);
  w.values.push(t.at);
  if (in_table <= last) t.net.named[in_table] = t.at;
}

template <name Name, class Layer, name... From> constexpr name name_of(node<Name, Layer, From...>) { return Name; }

}  // namespace detail

template <class... Nodes> constexpr void trace(graph<Nodes...>, tracer& t) {
  detail::wires w{.first = t.net.names.size(), .nodes = 1 + static_cast<int>(sizeof...(Nodes))};
  t.net.add_name("input", t.at);
  (t.net.add_name(detail::name_of(Nodes{})), ...);
  w.values.push(t.at);
  (detail::trace_node(Nodes{}, t, w), ...);
}

template <name Name, class Layer> constexpr void trace(branch<Name, Layer>, tracer& t) {
  int const x = t.at, in_table = t.net.add_name(Name);
  detail::part const inside{t, {word::node, static_cast<short>(in_table)}};
  for (int i = 0; i < in_table; ++i)
    if (t.net.names[i] == Name) t.report(rule::name_is_new);
  trace_layer(Layer{}, t);
  t.net.named[in_table] = t.at;
  t.at = x;
}

/// Gives each parameter tensor its place: what training changes first, running statistics behind.
constexpr void place_parameters(flat_graph& net) {
  auto const place = [&](bool trained) {
    for (auto& p : net.parameters) {
      if (is_trained(p.is) != trained) continue;
      p.offset = net.parameter_count;
      net.parameter_count += p.count();
    }
  };
  place(true);
  net.trained_count = net.parameter_count;
  place(false);
}

/// Finds the limit that the network exceeds. Nothing that was found after the room ran out can be trusted, and
/// the graph is no graph: an image takes its place, so that every later pass stays total.
constexpr void check_limits(tracer& t) {
  auto const exceeds = [&](bool is, room what, int limit) {
    if (!is || t.first.broken == rule::network_fits_the_limits) return;
    t.first = finding{};
    t.where = path{};
    t.layer = nullptr;
    t.report(rule::network_fits_the_limits, {}, {}, static_cast<int>(what), limit);
  };
  flat_graph const& net = t.net;
  exceeds(net.forward_ops > limits::forward_ops || net.ops.full || net.values.full, room::ops, limits::forward_ops);
  exceeds(net.parameters.full, room::tensors, limits::parameters);
  exceeds(net.layers.full, room::layers, limits::layers);
  exceeds(t.too_deep, room::steps_of_a_path, limits::path);
  exceeds(net.names.full, room::names, limits::nodes);
  if (t.first.broken != rule::network_fits_the_limits) return;
  int const first_axis = net.first_axis;
  t.net = flat_graph{};
  t.net.first_axis = first_axis;
  t.image({}, 1);
  t.net.forward_ops = 1;
}

/// The sound graph of Net for one tile, or the first rule that it breaks.
template <class Net> constexpr tracer infer(extent size, int first_axis, int channels) {
  tracer t;
  t.net.first_axis = first_axis;
  t.image(size, channels);
  trace_layer(Net{}, t);
  t.net.output = t.at;
  t.net.forward_ops = t.net.ops.size();
  place_parameters(t.net);
  check_limits(t);
  return t;
}

}  // namespace oxbow
