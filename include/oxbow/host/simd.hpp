// The vectors of one instruction set, and how many of them a kernel keeps in registers.
#pragma once
#include <cstdint>
#include <utility>

#include <xsimd/xsimd.hpp>

namespace oxbow::on_host {

/// Kernels take an instruction set as a tag of xsimd's (avx512f, avx2, sse2, neon64 …); this is the one
/// that the compiler was told to build for.
using native = xsimd::default_arch;

template <class Arch> using vec = xsimd::batch<float, Arch>;
template <class Arch> inline constexpr int width_of = static_cast<int>(vec<Arch>::size);

/// a · b + c, in one instruction where there is one. xsimd 8.1 knows none for AVX-512, and leaves it to the compiler's
/// options whether two become one.
template <class Arch>
[[gnu::always_inline]] inline vec<Arch> multiply_add(vec<Arch> const& a, vec<Arch> const& b, vec<Arch> const& c) {
#if defined(__AVX512F__)
  if constexpr (width_of<Arch> == 16) return _mm512_fmadd_ps(a, b, c);
#endif
  return xsimd::fma(a, b, c);
}

namespace detail {

/// Of the elements of a and then b side by side, those at these places.
template <class Arch, int... At> vec<Arch> picked(vec<Arch> const& a, vec<Arch> const& b) {
  typename vec<Arch>::register_type const x = a, y = b;
  return vec<Arch>(typename vec<Arch>::register_type(__builtin_shufflevector(x, y, At...)));
}

/// Swaps, in every square of 2 · Apart vectors and lanes, the quarter above the diagonal with that below.
template <class Arch, int Apart> [[gnu::always_inline]] inline void swap_quarters(vec<Arch> (&x)[width_of<Arch>]) {
  constexpr int w = width_of<Arch>;
  [&]<int... Lane>(std::integer_sequence<int, Lane...>) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int i = 0; i < w; ++i) {
      if ((i & Apart) != 0) continue;
      vec<Arch> const above = x[i], below = x[i + Apart];
      x[i] = picked<Arch, ((Lane & Apart) != 0 ? w + Lane - Apart : Lane)...>(above, below);
      x[i + Apart] = picked<Arch, ((Lane & Apart) != 0 ? w + Lane : Lane + Apart)...>(above, below);
    }
  }
  (std::make_integer_sequence<int, w>{});
}

}  // namespace detail

/// Lane j of vector i becomes lane i of vector j.
template <class Arch> [[gnu::always_inline]] inline void transpose(vec<Arch> (&x)[width_of<Arch>]) {
  if constexpr (width_of<Arch> > 8) detail::swap_quarters<Arch, 8>(x);
  if constexpr (width_of<Arch> > 4) detail::swap_quarters<Arch, 4>(x);
  if constexpr (width_of<Arch> > 2) detail::swap_quarters<Arch, 2>(x);
  detail::swap_quarters<Arch, 1>(x);
}

/// Stores past the caches, where the instruction set can: for what is larger than they are. Follow the last one with
/// stream_fence() before another thread reads.
template <class Arch> void stream(float* to, vec<Arch> const& x) {
#if defined(__AVX512F__)
  if constexpr (width_of<Arch> == 16) return _mm512_stream_ps(to, x);
#endif
#if defined(__AVX__)
  if constexpr (width_of<Arch> == 8) return _mm256_stream_ps(to, x);
#endif
#if defined(__SSE2__)
  if constexpr (width_of<Arch> == 4) return _mm_stream_ps(to, x);
#endif
  x.store_aligned(to);
}
inline void stream_fence() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}
/// Tensors from here on do not stay in a cache until somebody reads them.
inline constexpr std::int64_t streamed_bytes = 6 << 20;

/// Pixels × vectors of output channels that a convolution accumulates in registers. 32 registers hold
/// 14 × 2 sums, two weights and one input; 16 registers 6 × 2.
struct micro_tile {
  int pixels, vectors;
};
template <class Arch> constexpr micro_tile micro_tile_of() {
  return width_of<Arch> >= 16 ? micro_tile{14, 2} : micro_tile{6, 2};
}
/// Channels × vectors that a gradient of weights accumulates.
template <class Arch> constexpr micro_tile grad_tile_of() {
  return width_of<Arch> >= 16 ? micro_tile{8, 2} : micro_tile{6, 2};
}

/// f(first, count) for parts of n that are about equal, none above `most`. Equal ones serve registers best: with four
/// sums or fewer GCC reads a vector that they share from memory for each, and too few additions are under way.
template <class F> constexpr void for_even_parts(int n, int most, F const& f) {
  for (int parts = (n + most - 1) / most, first = 0; parts > 0; --parts) {
    int const count = (n - first + parts - 1) / parts;
    f(first, count);
    first += count;
  }
}

/// The same where all is known: f<first, count>().
template <int N, int Most, int First = 0, class F> constexpr void for_even_parts(F const& f) {
  if constexpr (First < N) {
    constexpr int left = N - First, parts = (left + Most - 1) / Most, count = (left + parts - 1) / parts;
    f.template operator()<First, count>();
    for_even_parts<N, Most, First + count>(f);
  }
}

}  // namespace oxbow::on_host
