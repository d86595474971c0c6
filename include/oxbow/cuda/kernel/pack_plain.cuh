// Weights in the order in which the plain convolution reads them, with the batch norms that they absorb.
#pragma once
#include <oxbow/core/portable.hpp>
#include <oxbow/cuda/kernel/job_of_block.cuh>
#include <oxbow/ops/norm_factors.hpp>

namespace oxbow::on_cuda {

/// One use of a weight tensor of shape (rows, columns, taps). Offsets are elements of the parameter arena; −1 where
/// there is no such tensor.
struct weight_layout {
  std::int64_t from = 0, bias = -1;
  std::int64_t scale = -1, shift = -1, mean = -1, variance = -1;  ///< of an absorbed batch norm
  std::int64_t to = 0, bias_to = 0;                               ///< floats, in the packed memory
  int rows = 0, columns = 0, taps = 0;
  int rows_are_outputs = 1, flipped = 0;
  int first_block = 0;  ///< of the launch

  constexpr OXBOW_DEVICE int outputs() const { return rows_are_outputs ? rows : columns; }
  constexpr OXBOW_DEVICE int inputs() const { return rows_are_outputs ? columns : rows; }
  constexpr OXBOW_DEVICE std::int64_t floats() const { return std::int64_t{rows} * columns * taps; }
};

/// to(tap, input, output) = w · factor(output), and the biases. All uses of a program in one launch; a thread does an
/// element. The first `outputs` elements of a use do the biases as well.
struct pack_plain {
  static constexpr int threads = 256;
  struct storage {
    int use;
  };
  struct args {
    weight_layout const* uses;
    int count;
    float const* parameters;
    float* packed;
  };

  __device__ static void run(args const& a, storage& s) {
    weight_layout const& w = a.uses[job_of_block<threads>(a.uses, a.count, s.use)];
    std::int64_t const i = (std::int64_t{blockIdx.x} - w.first_block) * threads + threadIdx.x;
    if (i < w.floats()) {
      int const k = static_cast<int>(i % w.outputs()), c = static_cast<int>(i / w.outputs() % w.inputs()),
                t = static_cast<int>(i / w.outputs() / w.inputs());
      int const row = w.rows_are_outputs ? k : c, column = w.rows_are_outputs ? c : k;
      int const tap = w.flipped ? w.taps - 1 - t : t;
      float const x = a.parameters[w.from + (std::int64_t{row} * w.columns + column) * w.taps + tap];
      a.packed[w.to + i] = w.scale < 0 ? x : x * factor(a, w, k).a;
    }
    if (i < w.outputs() && w.bias >= 0) {
      float const b = a.parameters[w.bias + i];
      ops::norm_factor const f = w.scale < 0 ? ops::norm_factor{1, 0} : factor(a, w, static_cast<int>(i));
      a.packed[w.bias_to + i] = w.scale < 0 ? b : b * f.a + f.b;
    }
  }

 private:
  __device__ static ops::norm_factor factor(args const& a, weight_layout const& w, int k) {
    return ops::running_factor_of(a.parameters[w.scale + k], a.parameters[w.shift + k], a.parameters[w.mean + k],
                                  a.parameters[w.variance + k]);
  }
};

}  // namespace oxbow::on_cuda
