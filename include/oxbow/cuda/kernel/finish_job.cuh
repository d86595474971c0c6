// What the last pass of a training step has to add up: a table of jobs.
#pragma once
#include <oxbow/cuda/kernel/grad_sums.cuh>

namespace oxbow::on_cuda {

/// Gradients of a layer, from the sums of conv_…_grad_weight.
struct layer_sums {
  grad_sums sums{};
  float *weight = nullptr, *bias = nullptr;     ///< gradients of the layer's tensors; either may be null
  int splits = 0, bias_parts = 0;
  int first_padded = 0, first = 0, second = 0;  ///< inputs: the sums have `first`, then from first_padded on `second`
  int outputs_real = 0, bias_count = 0;
  std::int64_t in_stride = 0, out_stride = 0;   ///< of the weight's tensor, in elements

  static constexpr int tile_inputs = 8, tile_outputs = 32;
  constexpr OXBOW_DEVICE int tiles_k() const { return (sums.outputs + tile_outputs - 1) / tile_outputs; }
  constexpr OXBOW_DEVICE int weight_blocks() const {
    return (sums.inputs + tile_inputs - 1) / tile_inputs * tiles_k();
  }
  constexpr int bias_blocks() const { return tune::ceil_div(bias_count, tile_outputs); }
};

/// Gradients of a head's weights (classes, channels) and biases, from the sums of head_loss.
struct head_sums {
  float const* sums = nullptr;
  int tiles = 0, classes = 0, width = 0, channels = 0;
  float *weight = nullptr, *bias = nullptr;

  constexpr int blocks() const { return classes * channels + classes; }
};

/// The loss: the sum of the pixels' losses, in double.
struct loss_sums {
  float const* pixels = nullptr;
  std::int64_t count = 0;
  double* out = nullptr;
};

/// One of the three; which, says what it points to.
struct finish_job {
  layer_sums layer{};
  head_sums head{};
  loss_sums loss{};
  int first_block = 0;  ///< of the launch

  static constexpr int threads = 256, most_taps = 32;
  static constexpr int inputs = layer_sums::tile_inputs, outputs = layer_sums::tile_outputs;
  int blocks() const {
    if (layer.splits > 0) return (layer.weight ? layer.weight_blocks() : 0) + (layer.bias ? layer.bias_blocks() : 0);
    return head.sums ? head.blocks() : 1;
  }
};

}  // namespace oxbow::on_cuda
