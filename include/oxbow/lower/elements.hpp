// The same graph with its activations as matrix units take them: in 16 bits, a plan of half the bytes.
#pragma once
#include <oxbow/lower/budget.hpp>
#include <oxbow/lower/program.hpp>

namespace oxbow {

/// Activations and their gradients become `type`, and lie in octets, as do the places of maxima. What stays in single
/// precision: what the caller writes and reads, statistics and sums over pixels, and everything that belongs to
/// parameters.
constexpr flat_graph store_activations(flat_graph net, element type) {
  bool per_pixel[limits::values]{};  // losses of pixels, and their sums
  for (int v = 0; v < net.values.count; ++v) {
    value& x = net.values.items[v];
    op const& made = net.ops.items[x.producer];
    bool const sums = made.kind == op_kind::norm_statistics || made.kind == op_kind::norm_grad_statistics ||
                      made.kind == op_kind::loss_overlap;
    per_pixel[v] = (made.kind == op_kind::loss && made.out[1] == v) ||
                   (made.kind == op_kind::add && per_pixel[made.in[0]]);
    if (x.type == element::f32 && !x.in_gradients && !is_source(made.kind) && !sums && !per_pixel[v] && v != net.output)
      x.type = type, x.octets = true;
    if (made.kind == op_kind::max_pool && made.out[1] == v) x.octets = true;
  }
  return net;
}

/// How such a graph is fused: a convolution is cheaper read than made again where a matrix unit makes it, and a head
/// runs where a warp of the unit's sums holds all channels of a pixel.
inline constexpr fusions fusions_for_matrices{.recompute = false, .narrow_heads = 64};

/// The same in training, where gradients of weights wait until they are worth a launch: some 250 µs of an A100. In
/// networks with less to do all of them wait for the last. It costs the paper's network three tenths of its arena, and
/// saves more than that of partial sums.
constexpr fusions fusions_in_training(element type) {
  fusions f = fusions_for_matrices;
  f.gradients_together = 40'000'000'000, f.only_3x3_together = bits_of(type) != 16;
  return f;
}

/// The programs of a model with its activations stored as Type. By the model's lowering and not by its graphs: nvcc
/// 13.0 spells a reference to a graph as a pointer.
template <class Lowered, element Type> struct programs_in {
  static constexpr flat_graph predicting = store_activations(Lowered::predicting, Type);
  static constexpr flat_graph learning = store_activations(Lowered::learning, Type);
  using inference = program<predicting, fusions_for_matrices>;
  using waiting = program<learning, fusions_in_training(Type)>;
  /// What waits takes memory, for which there may be a limit.
  static constexpr auto chosen() {
    if constexpr (Lowered::options.training_memory == unlimited) return waiting{};
    else if constexpr (waiting::peak_bytes <= Lowered::options.training_memory) return waiting{};
    else return program<learning, fusions_for_matrices>{};
  }
  using training = decltype(chosen());
};
template <class Lowered> struct programs_in<Lowered, element::f32> {
  using inference = typename Lowered::inference;
  using training = typename Lowered::training;
};

}  // namespace oxbow
