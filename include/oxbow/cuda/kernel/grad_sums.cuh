// Where the blocks of a weight gradient leave their sums.
#pragma once
#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <oxbow/core/portable.hpp>
#include <oxbow/cuda/arch/matrix.cuh>
#include <oxbow/cuda/kernel/run_scalars.cuh>
#include <oxbow/cuda/tune/chip.hpp>

namespace oxbow::on_cuda {

/// Partial sums: (split, tap, input, output), with inputs and outputs rounded up to whole tiles (of at least 8 and 32),
/// and those of the bias: (part, channel). A quad of lanes stores the 32 bytes of a sector.
struct grad_sums {
  float* weight = nullptr;
  float* bias = nullptr;       ///< may be null
  int inputs = 0, outputs = 0; ///< rounded up
  int taps = 0;

  constexpr OXBOW_DEVICE std::int64_t split_floats() const { return std::int64_t{taps} * inputs * outputs; }

  /// d: rows are inputs, columns outputs; of mma's 16 × 8.
  __device__ void store(float const (&d)[4], int split, int tap, int input, int output) const {
    int const lane = threadIdx.x % 32;
    float* const to = weight + (static_cast<std::int64_t>(split) * taps + tap) * inputs * outputs +
                      static_cast<std::int64_t>(input + lane / 4) * outputs + output + lane % 4 * 2;
    *reinterpret_cast<float2*>(to) = {d[0], d[1]};
    *reinterpret_cast<float2*>(to + 8 * outputs) = {d[2], d[3]};
  }
};

/// Sums of a bias in the fragments of a product with ones: (16 channels, 8 times the same). Rows g and g + 8 are
/// channels k and k + 8 of `sums`, which has `width` of them.
__device__ inline void store_bias_sums(float const (&d)[4], float* sums, int k, int width) {
  int const lane = threadIdx.x % 32, mine = k + lane / 4;
  if (lane % 4 != 0) return;
  if (mine < width) sums[mine] = d[0];
  if (mine + 8 < width) sums[mine + 8] = d[2];
}

/// Two ones: a fragment of a matrix that adds up the other operand.
template <class T> inline constexpr std::uint32_t ones = 0x3c003c00u;
template <> inline constexpr std::uint32_t ones<__nv_bfloat16> = 0x3f803f80u;
template <> inline constexpr std::uint32_t ones<float> = 0x3f800000u;

}  // namespace oxbow::on_cuda
