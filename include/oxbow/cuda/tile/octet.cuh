// Eight neighbouring channels of one pixel: 16 or 32 bytes in memory, eight floats in registers.
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

/// Single precision, rounded to tf32, to nearest and away from zero where two are as near: one number per register.
__device__ inline std::uint32_t tf32_of(float v) { return __float_as_uint(v) + 0x1000u & 0xffffe000u; }
template <> __device__ inline std::uint32_t pair_of<float>(float low, float) { return tf32_of(low); }
template <> __device__ inline float2 floats_of<float>(std::uint32_t one) { return {__uint_as_float(one), 0}; }

/// How many numbers a register holds, and how many registers an octet needs.
template <class T> inline constexpr int numbers_per_word = 4 / static_cast<int>(sizeof(T));
template <class T> inline constexpr int octet_words = 8 / numbers_per_word<T>;
template <class T> using words_of_octet = std::uint32_t[octet_words<T> / 4][4];

template <class T> __device__ inline void round_octet(words_of_octet<T>& r, octet const& v) {
  constexpr int per = numbers_per_word<T>;
#pragma unroll
  for (int i = 0; i < octet_words<T>; ++i) r[i / 4][i % 4] = pair_of<T>(v[per * i], v[per * i + per - 1]);
}
template <class T> __device__ inline void store_words(T* at, words_of_octet<T> const& r) {
#pragma unroll
  for (int i = 0; i < octet_words<T> / 4; ++i) ptx::store_global(at + 4 * i * numbers_per_word<T>, r[i]);
}

template <class T> __device__ inline void load_words(words_of_octet<T>& r, T const* at) {
#pragma unroll
  for (int i = 0; i < octet_words<T> / 4; ++i) ptx::load_global(r[i], at + 4 * i * numbers_per_word<T>);
}
template <class T> __device__ inline void floats_of_words(octet& v, words_of_octet<T> const& r) {
  constexpr int per = numbers_per_word<T>;
#pragma unroll
  for (int i = 0; i < octet_words<T>; ++i) {
    float2 const f = floats_of<T>(r[i / 4][i % 4]);
    v[per * i] = f.x;
    if constexpr (per == 2) v[per * i + 1] = f.y;
  }
}

template <class T> __device__ inline void load_octet(octet& v, T const* at) {
  words_of_octet<T> r;
  load_words(r, at);
  floats_of_words<T>(v, r);
}

template <class T> __device__ inline void store_octet(T* at, octet const& v) {
  words_of_octet<T> r;
  round_octet<T>(r, v);
  store_words(at, r);
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
