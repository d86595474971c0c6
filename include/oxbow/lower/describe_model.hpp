// A network as a table: every layer, what it makes and what it costs.
#pragma once
#include <oxbow/core/wording.hpp>
#include <oxbow/lower/names.hpp>
#include <oxbow/lower/plan.hpp>
#include <oxbow/lower/table.hpp>

namespace oxbow {
namespace detail {

/// "conv 3 x 3, stride 2"; the views around it say what it does at the border.
inline std::string layer_text(flat_graph const& net, op const& o) {
  extent const one{};
  std::string text = op_name(net, o);
  if (o.kind == op_kind::drop) return text + " " + decimal(o.rate, 2);
  if (o.kind == op_kind::upsample) text += o.linear ? " bilinear" : " nearest";
  if (o.kind == op_kind::mirror) return "mirrored border";
  bool const windowed = o.kind == op_kind::convolve || o.kind == op_kind::up_convolve || o.kind == op_kind::upsample ||
                        is_pooling(o.kind);
  if (!windowed) return text;
  text += " " + window_text(net, o.window);
  if (o.kind != op_kind::convolve) return text;
  if (o.stride != one) text += ", stride " + std::to_string(o.stride.width);
  if (o.dilation != one) text += ", dilation " + std::to_string(o.dilation.width);
  if (o.border != extent{0, 0, 0}) text += ", zero border";
  return text;
}

inline std::string tensor_text(value const& v) { return size_text(v.size) + " x " + std::to_string(v.channels); }

/// Adds the row of one layer: the ops of the forward pass from `first` on that stand in one place.
inline int add_layer(flat_graph const& net, int first, text_table& table) {
  int const layer = net.ops[first].layer;
  std::string what;
  std::int64_t parameters = 0, work = 0;
  int i = first;
  for (; i < net.forward_ops && (i == first || (layer != none && net.ops[i].layer == layer)); ++i) {
    op const& o = net.ops[i];
    work += work_of(net, o);
    if (o.kind == op_kind::norm_statistics) continue;  // one half of the norm that follows
    what += (what.empty() ? "" : ", ") + layer_text(net, o);
  }
  for (auto const& p : net.parameters)
    if (layer != none && p.layer == layer && is_trained(p.is)) parameters += p.count();
  value const& y = net.values[net.ops[i - 1].out[0]];
  table.rows.push_back({what, layer == none ? "" : path_text(net, net.layers[layer]), tensor_text(y),
                        parameters ? grouped(parameters) : "", work ? short_count(work) : "", bytes_text(bytes_of(y))});
  return i;
}

}  // namespace detail

/// What there would be to keep if every value of the forward pass had its own place, and the share of it that
/// convolutions make.
struct activation_bytes {
  std::int64_t all = 0, of_convolutions = 0;
};
constexpr activation_bytes sum_of_activations(flat_graph const& net) {
  activation_bytes sum;
  for (int i = 0; i < net.forward_ops; ++i) {
    op const& o = net.ops[i];
    std::int64_t const bytes = bytes_of(net.values[o.out[0]]);
    sum.all += bytes;
    if (o.kind == op_kind::convolve || o.kind == op_kind::up_convolve) sum.of_convolutions += bytes;
  }
  return sum;
}

/// One row per layer of the forward pass; bytes as they lie in memory.
inline std::string layer_table(flat_graph const& net) {
  text_table table{{"layer", "path", ">output", ">parameters", ">multiply-adds", ">output bytes"}, {}};
  for (int i = 0; i < net.forward_ops;) i = detail::add_layer(net, i, table);
  return table.text();
}

/// A model as a table of its layers with its totals below.
template <class Model> std::string describe() {
  std::string text = layer_table(Model::forward) + "\n";
  auto const line = [&](char const* title, std::string const& words) {
    text += std::string(title) + std::string(15 - std::string(title).size(), ' ') + words + "\n";
  };
  auto const program = [&]<class Program>(char const* title, Program) {
    line(title, bytes_text(Program::peak_bytes) + " in " + std::to_string(Program::steps.steps.size()) +
                    " steps; no placement of them needs less than " + bytes_text(Program::bound_bytes));
  };
  activation_bytes const sum = sum_of_activations(Model::forward);
  value const& y = Model::forward.values[Model::forward.output];
  line("parameters", grouped(Model::parameter_count) + ", " + bytes_text(4 * Model::parameter_count));
  line("multiply-adds", short_count(Model::multiply_adds) + ", for each output pixel " +
                            short_count(Model::multiply_adds / Model::output.volume()));
  line("output", detail::tensor_text(y) + ", " + bytes_text(bytes_of(y)));
  line("activations", bytes_text(sum.all) + " if each had its own memory, of them made by convolutions " +
                          bytes_text(sum.of_convolutions));
  program("inference", typename Model::inference{});
  program("training", typename Model::training{});
  return text;
}

}  // namespace oxbow
