// Eight neighbouring channels of one pixel: 16 bytes in memory, eight floats in registers.
#pragma once
#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <oxbow/cuda/arch/vector_access.cuh>

namespace oxbow::on_cuda {

using octet = float[8];

/// Two floats, rounded to nearest even, as one register; the first one is in the lower half.
template <class T> __device__ std::uint32_t pair_of(float low, float high);
template <> __device__ inline std::uint32_t pair_of<__half>(float low, float high) {
  __half2 const h = __floats2half2_rn(low, high);
  return *reinterpret_cast<std::uint32_t const*>(&h);
}
template <> __device__ inline std::uint32_t pair_of<__nv_bfloat16>(float low, float high) {
  __nv_bfloat162 const h = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<std::uint32_t const*>(&h);
}

template <class T> __device__ float2 floats_of(std::uint32_t pair);
template <> __device__ inline float2 floats_of<__half>(std::uint32_t pair) {
  return __half22float2(*reinterpret_cast<__half2 const*>(&pair));
}
template <> __device__ inline float2 floats_of<__nv_bfloat16>(std::uint32_t pair) {
  return {__uint_as_float(pair << 16), __uint_as_float(pair & 0xffff0000u)};
}

template <class T> __device__ inline void load_octet(octet& v, T const* at) {
  std::uint32_t r[4];
  ptx::load_global(r, at);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    float2 const f = floats_of<T>(r[i]);
    v[2 * i] = f.x, v[2 * i + 1] = f.y;
  }
}

template <class T> __device__ inline void store_octet(T* at, octet const& v) {
  std::uint32_t r[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) r[i] = pair_of<T>(v[2 * i], v[2 * i + 1]);
  ptx::store_global(at, r);
}

/// Eight floats that lie side by side, 16-byte aligned.
__device__ inline void load_floats(octet& v, float const* at) {
  std::uint32_t r[4];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    ptx::load_global(r, at + 4 * half);
#pragma unroll
    for (int i = 0; i < 4; ++i) v[4 * half + i] = __uint_as_float(r[i]);
  }
}

}  // namespace oxbow::on_cuda
