// What the last pass of a training step has to add up: a table of jobs.
#pragma once
#include <cstdint>

#include <oxbow/core/portable.hpp>
#include <oxbow/cuda/tune/chip.hpp>

namespace oxbow::on_cuda {

/// The gradient of a bias: sums (part, channel), of channels rounded up to 8.
struct bias_sums {
  float const* sums = nullptr;
  int parts = 0, channels = 0;
  float* bias = nullptr;

  static constexpr int block_channels = 32;
  constexpr int blocks() const { return tune::ceil_div(channels, block_channels); }
};

/// Gradients of a layer that reads an image, weights (output, entry) and bias, from the sums of conv_image_grad_weight:
/// (split, entry, output), both rounded up, of which entry `entries` is the bias.
struct image_sums {
  float const* sums = nullptr;
  int splits = 0, padded_entries = 0, padded_outputs = 0, entries = 0, outputs = 0;
  bool has_bias = false;
  float *weight = nullptr, *bias = nullptr;

  static constexpr int block_outputs = 32;
  constexpr OXBOW_DEVICE int output_blocks() const { return (outputs + block_outputs - 1) / block_outputs; }
  constexpr int blocks() const { return (entries + has_bias) * output_blocks(); }
};

/// Gradients of a head's weights (classes, channels) and biases, from the sums of head_loss.
struct head_sums {
  float const* sums = nullptr;
  int tiles = 0, classes = 0, width = 0, channels = 0;
  float *weight = nullptr, *bias = nullptr;

  constexpr int blocks() const { return classes * channels + classes; }
};

/// The loss: the sum of the pixels' losses, in double. The last of its blocks to arrive adds theirs, in their order.
struct loss_sums {
  float const* pixels = nullptr;
  std::int64_t count = 0;
  double* parts = nullptr;         ///< of the blocks
  unsigned* arrived = nullptr;     ///< a counter, zero; left zero
  double* out = nullptr;

  static constexpr std::int64_t block_pixels = 4096;
  constexpr OXBOW_DEVICE int blocks() const { return static_cast<int>((count + block_pixels - 1) / block_pixels); }
};

/// One of the four; which, says what it points to.
struct finish_job {
  bias_sums bias{};
  image_sums image{};
  head_sums head{};
  loss_sums loss{};
  int first_block = 0;  ///< of the launch

  static constexpr int threads = 256;
  int blocks() const {
    return bias.sums ? bias.blocks() : image.sums ? image.blocks() : head.sums ? head.blocks() : loss.blocks();
  }
};

}  // namespace oxbow::on_cuda
