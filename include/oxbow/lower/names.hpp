// Names as a reader meets them: of parameters, of places in a network, of what an op does.
#pragma once
#include <string>

#include <oxbow/lower/schema.hpp>

namespace oxbow {

/// "level1.encode.conv1.weight": the name of a parameter tensor in a file of weights.
inline std::string parameter_name(flat_graph const& net, parameter const& p) {
  std::string text;
  spell(net, p, [&](char const* what, int number, name const& node) {
    if (!text.empty()) text += '.';
    text += what;
    text.append(node.text, static_cast<std::size_t>(node.size()));
    if (number > 0) text += std::to_string(number);
  });
  return text;
}

/// One step of a path: "conv 1", "encode", and the node's own name in a graph.
inline std::string label_text(flat_graph const& net, path_label step) {
  if (step.what == word::node || step.what == word::source) {
    name const& node = net.names[step.number];
    return std::string(step.what == word::source ? "source " : "") +
           std::string(node.text, static_cast<std::size_t>(node.size()));
  }
  return spelling(step.what) + (step.number > 0 ? " " + std::to_string(step.number) : std::string{});
}

/// "level 3 / decode / conv 1": the first `count` steps of a path.
inline std::string path_text(flat_graph const& net, path const& where, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i > 0 ? " / " : "") + label_text(net, where[i]);
  return text;
}
inline std::string path_text(flat_graph const& net, path const& where) { return path_text(net, where, where.size()); }

/// "relu"; "activation" for a function of the user's, whose name no value can know.
inline char const* function_name(function const* f) {
  if (f == &function_of<relu>::self) return "relu";
  if (f == &function_of<leaky_relu<>>::self) return "leaky_relu";
  if (f == &function_of<elu>::self) return "elu";
  if (f == &function_of<sigmoid>::self) return "sigmoid";
  if (f == &function_of<silu>::self) return "silu";
  if (f == &function_of<gelu>::self) return "gelu";
  return "activation";
}

/// What kind of norm it is can be read off its groups.
inline std::string norm_name(flat_graph const& net, op const& o) {
  if (o.kind == op_kind::norm_running || o.running) return "batch_norm";
  if (o.groups == net.values[o.in[0]].channels) return "instance_norm";
  return "group_norm of " + std::to_string(o.groups);
}

/// What an op of the forward pass is called in tables and pictures; gradients bear the name of what they differentiate.
inline std::string op_name(flat_graph const& net, op const& o) {
  switch (o.kind) {
    case op_kind::image:
      return "image";
    case op_kind::labels:
      return "labels";
    case op_kind::weights:
      return "weights";
    case op_kind::convolve:
    case op_kind::convolve_grad:
    case op_kind::convolve_grad_weight:
      return "conv";
    case op_kind::up_convolve:
    case op_kind::up_convolve_grad:
    case op_kind::up_convolve_grad_weight:
      return "up_conv";
    case op_kind::bias_grad:
      return "bias";
    case op_kind::upsample:
    case op_kind::upsample_grad:
      return "upsample";
    case op_kind::max_pool:
    case op_kind::max_pool_grad:
      return "max_pool";
    case op_kind::avg_pool:
    case op_kind::avg_pool_grad:
      return "avg_pool";
    case op_kind::activate:
    case op_kind::activate_grad:
      return function_name(o.f);
    case op_kind::drop:
      return "dropout";
    case op_kind::add:
      return "add";
    case op_kind::norm_statistics:
    case op_kind::norm:
    case op_kind::norm_running:
    case op_kind::norm_grad_statistics:
    case op_kind::norm_grad:
      return norm_name(net, o);
    case op_kind::loss:
      return "loss";
    case op_kind::loss_overlap:
      return "overlap";
    case op_kind::crop:
      return "crop";
    case op_kind::pad_zero:
      return "pad";
    case op_kind::mirror:
    case op_kind::mirror_grad:
      return "mirror";
    case op_kind::join:
      return "join";
    case op_kind::slice:
      return "slice";
  }
  return {};
}

/// "3 x 3" in 2-D, "3 x 3 x 3" in 3-D.
inline std::string window_text(flat_graph const& net, extent w) {
  std::string const plane = std::to_string(w.height) + " x " + std::to_string(w.width);
  return net.first_axis == 1 ? plane : std::to_string(w.depth) + " x " + plane;
}

}  // namespace oxbow
