// The gradient of a bias: a matrix product with ones.
#pragma once
#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace oxbow::on_cuda {

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
