// Where weight gradients leave the sums of their blocks, and the pass that adds them in a fixed order.
#pragma once
#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <oxbow/core/portable.hpp>
#include <oxbow/cuda/arch/matrix.cuh>
#include <oxbow/cuda/tune/chip.hpp>

namespace oxbow::on_cuda {

/// Partial sums: (split, tap, input, output), with inputs and outputs rounded up to whole tiles (of at least 8 and 32),
/// and those of the bias: (part, channel). A quad of lanes stores the 32 bytes of a sector.
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
    // eight lanes read the 32 outputs of one entry
    std::int64_t const next = a.sums.split_floats() / 4;
    int const k = lane % 8 * 4;
    for (int i = warp * 4 + lane / 8; i < inputs * taps; i += threads / 8) {
      int const c = i / taps, tap = i - c * taps;
      auto const* from = reinterpret_cast<float4 const*>(
          a.sums.weight + (static_cast<std::int64_t>(tap * a.sums.inputs + c0 + c) * a.sums.outputs + k0 + k));
      float4 sum = *from;
#pragma unroll 4
      for (int split = 1; split < a.splits; ++split) {
        from += next;
        float4 const v = *from;
        sum.x += v.x, sum.y += v.y, sum.z += v.z, sum.w += v.w;
      }
      s.sum[k][i] = sum.x, s.sum[k + 1][i] = sum.y, s.sum[k + 2][i] = sum.z, s.sum[k + 3][i] = sum.w;
    }
    __syncthreads();
    // a warp writes the entries of one output after the other, 32 neighbours at a time
    for (int entry = lane; entry < inputs * taps; entry += 32) {
      int const place = c0 + entry / taps;
      int const c = place < a.first_padded ? place : place - a.first_padded + a.first;
      if (place < a.first_padded ? place >= a.first : c >= a.first + a.second) continue;
      float* const to = a.weight + k0 * a.out_stride + c * a.in_stride + entry % taps;
      for (int k = warp; k < outputs && k0 + k < a.outputs_real; k += threads / 32) {
        float& w = to[k * a.out_stride];
        w = (a.add ? w : 0.f) + s.sum[k][entry];
      }
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
