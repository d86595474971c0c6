// Where weight gradients leave the sums of their blocks, and the pass that adds them in a fixed order.
#pragma once
#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <oxbow/core/portable.hpp>
#include <oxbow/cuda/arch/matrix.cuh>
#include <oxbow/cuda/tune/chip.hpp>

namespace oxbow::on_cuda {

/// Partial sums: (split, tap, input, output), with inputs and outputs rounded up to whole tiles, and those of the bias:
/// (part, channel). A quad of lanes stores the 32 bytes of a sector.
struct grad_sums {
  float* weight;
  float* bias;         ///< may be null
  int inputs, outputs; ///< rounded up
  int taps;

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

/// Two ones: a fragment of a matrix that adds up the other operand.
template <class T> inline constexpr std::uint32_t ones = 0x3c003c00u;
template <> inline constexpr std::uint32_t ones<__nv_bfloat16> = 0x3f803f80u;

/// weight gradient (+)= Σ over splits, and the bias gradient likewise: always in the order of the splits, so the same
/// bits every time. A block owns 8 inputs × 32 outputs: it reads runs of 32 outputs and writes runs of 8 · taps
/// weights.
///
/// cost    reads `splits` times the weights, mostly from L2, and writes them once
struct add_grad_sums {
  static constexpr int threads = 256, inputs = 8, outputs = 32, most_taps = 32;
  struct storage {
    float sum[outputs][inputs * most_taps + 1];
    float bias[8][outputs];
  };
  struct args {
    grad_sums sums;
    float *weight, *bias;              ///< gradients of the layer's tensors; bias may be null
    int splits, bias_parts;
    int first_padded, first, second;   ///< inputs: the sums have `first`, then from first_padded on `second`
    int outputs_real, bias_count;
    std::int64_t in_stride, out_stride;  ///< of the weight's tensor, in elements
    bool add;                          ///< to what is there
  };
  static int blocks(args const& a) {
    return tune::ceil_div(a.sums.inputs, inputs) * tune::ceil_div(a.sums.outputs, outputs) +
           (a.bias ? tune::ceil_div(a.bias_count, outputs) : 0);
  }

  __device__ static void run(args const& a, storage& s) {
    int const tiles_k = (a.sums.outputs + outputs - 1) / outputs, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int const tile = blockIdx.x, all = (a.sums.inputs + inputs - 1) / inputs * tiles_k;
    if (tile >= all) return add_bias_sums(a, s, (tile - all) * outputs);
    int const c0 = tile / tiles_k * inputs, k0 = tile % tiles_k * outputs, taps = a.sums.taps;
    for (int i = warp; i < inputs * taps; i += threads / 32) {
      int const c = i / taps, tap = i - c * taps;
      float const* from = a.sums.weight + (static_cast<std::int64_t>(tap) * a.sums.inputs + c0 + c) * a.sums.outputs +
                          k0 + lane;
      float sum = 0;
      if (c0 + c < a.sums.inputs && k0 + lane < a.sums.outputs)
#pragma unroll 4
        for (int split = 0; split < a.splits; ++split) sum += from[split * a.sums.split_floats()];
      s.sum[lane][i] = sum;
    }
    __syncthreads();
    for (int i = threadIdx.x; i < outputs * inputs * taps; i += threads) {
      int const k = i / (inputs * taps), rest = i - k * inputs * taps, place = c0 + rest / taps;
      int const c = place < a.first_padded ? place : place - a.first_padded + a.first;
      bool const real = place < a.first_padded ? place < a.first : c < a.first + a.second;
      if (!real || k0 + k >= a.outputs_real) continue;
      float& to = a.weight[(k0 + k) * a.out_stride + c * a.in_stride + rest % taps];
      to = (a.add ? to : 0.f) + s.sum[k][rest];
    }
  }

  __device__ static void add_bias_sums(args const& a, storage& s, int k0) {
    int const lane = threadIdx.x % 32, warp = threadIdx.x / 32, k = k0 + lane;
    int const width = a.bias_count + 7 & ~7;
    float sum = 0;
    if (k < a.bias_count)
      for (int part = warp; part < a.bias_parts; part += 8)
        sum += a.sums.bias[static_cast<std::int64_t>(part) * width + k];
    s.bias[warp][lane] = sum;
    __syncthreads();
    if (warp > 0 || k >= a.bias_count) return;
    sum = 0;
    for (int w = 0; w < 8; ++w) sum += s.bias[w][lane];
    a.bias[k] = (a.add ? a.bias[k] : 0.f) + sum;
  }
};

}  // namespace oxbow::on_cuda
