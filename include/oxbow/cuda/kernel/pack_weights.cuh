// Weights of a layer → the packed order that kernels read, once per change of the weights.
#pragma once
#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <oxbow/cuda/tile/octet.cuh>
#include <oxbow/cuda/tile/packing.hpp>

namespace oxbow::on_cuda {

/// packed[i] = T(weights[order.element(i)]), zero where that is −1. One thread makes the 16 bytes of one lane.
///
/// cost    reads and writes each weight once, but reads 4 bytes here and there: bound by L2
template <class T> struct pack_weights {
  static constexpr int threads = 256;
  struct storage {};
  struct args {
    packing order;
    float const* weights;
    T* packed;
  };
  static int blocks(args const& a) { return static_cast<int>((a.order.size() / 8 + threads - 1) / threads); }

  __device__ static void run(args const& a, storage&) {
    std::int64_t const i = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x;
    if (i >= a.order.size() / 8) return;
    octet v;
#pragma unroll
    for (int e = 0; e < 8; ++e) {
      std::int64_t const from = a.order.element(8 * i + e);
      v[e] = from < 0 ? 0.f : a.weights[from];
    }
    store_octet(a.packed + 8 * i, v);
  }
};

/// padded[k] = bias[k], zero beyond: what add_bias reads. Repeated nowhere: an up-convolution has one bias per channel.
struct pad_bias {
  static constexpr int threads = 128;
  struct storage {};
  struct args {
    float const* bias;
    float* padded;
    int count, padded_count;
  };
  static int blocks(args const& a) { return (a.padded_count + threads - 1) / threads; }
  __device__ static void run(args const& a, storage&) {
    int const k = static_cast<int>(blockIdx.x) * threads + static_cast<int>(threadIdx.x);
    if (k < a.padded_count) a.padded[k] = k < a.count ? a.bias[k] : 0.f;
  }
};

}  // namespace oxbow::on_cuda
