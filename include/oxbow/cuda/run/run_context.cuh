// What launches need: where everything lies, and a step that is ready to be launched.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <oxbow/cuda/kernel/run_scalars.cuh>
#include <oxbow/cuda/kernel/stored.cuh>
#include <oxbow/cuda/run/tile_op.cuh>

namespace oxbow::on_cuda {

/// Where everything lies that launches need; known once memory has been taken.
struct run_context {
  std::byte* arena = nullptr;
  float* parameters = nullptr;
  float* gradients = nullptr;
  float* packed = nullptr;            ///< weights of the plain path
  std::byte* fragments = nullptr;     ///< weights packed for tensor cores
  double* sums = nullptr;             ///< of one step at a time
  float* partial = nullptr;           ///< the same, for the gradients of weights
  float* shared_tiles = nullptr;      ///< the same, for tiles that several blocks share
  unsigned* arrived = nullptr;        ///< counters of those blocks, all zero between launches
  float* left = nullptr;              ///< what steps leave for finish_gradients
  double* loss = nullptr;
  double* squares = nullptr;          ///< of the gradients that each block has written
  std::byte const* tables = nullptr;  ///< that launches have asked for
  float const* scale = nullptr;       ///< of the loss; null: 1
  tile_op const* ops = nullptr;
  stored const* operands = nullptr;
  run_scalars const* run = nullptr;
};

/// A step, ready to be launched.
struct prepared_step {
  std::string name;
  std::vector<std::function<void(run_context const&, cudaStream_t)>> launches;
  std::int64_t sums = 0, partial = 0;  ///< doubles and floats of scratch
  std::int64_t squares = 0;            ///< where its own begin
};

}  // namespace oxbow::on_cuda
