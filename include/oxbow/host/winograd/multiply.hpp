// The products inside Winograd's convolution: transformed tiles times transformed weights, in registers.
#pragma once
#include <array>
#include <utility>

#include <oxbow/host/pack.hpp>
#include <oxbow/host/winograd/transform.hpp>

namespace oxbow::on_host {

/// One product of a group of tiles with a panel of weights.
struct group_product {
  float const* tiles = nullptr;         ///< (block, tile of the group, lane)
  std::ptrdiff_t block_stride = 0;      ///< floats
  int channels = 0;
  bool far = false;                     ///< the tiles of all groups are more than a second cache holds
  bool first = true;                    ///< of the channels: nothing has been summed yet
  float const* weights = nullptr;       ///< (channel, output of the panel)
  float* out = nullptr;
  std::ptrdiff_t tile_stride = 0, vector_stride = 0;  ///< floats, of out
  float const* next = nullptr;          ///< weights that will be wanted soon
  int lines = 0;                        ///< cache lines of them per block of channels
  run_of_lines later{};                 ///< what the next box reads, for the second cache
  int later_lines = 0;                  ///< lines of it per block of channels
};

namespace detail {

/// Transformed tiles that lie behind the second cache are asked for so many blocks of channels before they are wanted:
/// a core that does two vectors a cycle waits for them. Beyond the last block lies the next group.
inline constexpr int blocks_ahead = 5;

/// Every loop over the sums is unrolled, zeroing and storing included, else they spill.
template <class Arch, int Tiles, int Vectors> [[gnu::noinline]] void multiply_group(group_product const& p) {
  using v = vec<Arch>;
  constexpr int width = width_of<Arch>, panel = packed_weights<Arch>::panel;
  v sum[Tiles][Vectors];
#pragma GCC unroll 16
  for (int i = 0; i < Tiles; ++i)
#pragma GCC unroll 2
    for (int n = 0; n < Vectors; ++n)
      sum[i][n] = p.first ? v(0.f) : v::load_aligned(p.out + i * p.tile_stride + n * p.vector_stride);
  float const* w = p.weights;
  float const* x = p.tiles;
  float const* next = p.next;
  run_of_lines later = p.later;
  auto const step = [&](int c) __attribute__((always_inline)) {
    v weight[Vectors];
#pragma GCC unroll 2
    for (int n = 0; n < Vectors; ++n) weight[n] = v::load_aligned(w + c * panel + n * width);
#pragma GCC unroll 16
    for (int i = 0; i < Tiles; ++i) {
      v const input = v::broadcast(x[i * layout::block + c]);
#pragma GCC unroll 2
      for (int n = 0; n < Vectors; ++n) sum[i][n] = multiply_add(input, weight[n], sum[i][n]);
    }
  };
  int left = p.channels;
  for (; left >= layout::block; left -= layout::block, w += layout::block * panel, x += p.block_stride) {
    for (int k = 0; k < p.lines; ++k, next += 16) __builtin_prefetch(next);
    for (int k = 0; k < p.later_lines && later.count > 0; ++k, later.first += 16, --later.count)
      __builtin_prefetch(later.first, 0, 2);
    if (p.far)
#pragma GCC unroll 16
      for (int i = 0; i < Tiles; ++i) __builtin_prefetch(x + blocks_ahead * p.block_stride + i * layout::block);
#pragma GCC unroll 4
    for (int c = 0; c < layout::block; ++c) step(c);
  }
  for (int c = 0; c < left; ++c) step(c);
#pragma GCC unroll 16
  for (int i = 0; i < Tiles; ++i)
#pragma GCC unroll 2
    for (int n = 0; n < Vectors; ++n) sum[i][n].store_aligned(p.out + i * p.tile_stride + n * p.vector_stride);
}

using product_kernel = void (*)(group_product const&);
template <class Arch, int Vectors, int... I>
constexpr std::array<product_kernel, sizeof...(I)> product_kernels(std::integer_sequence<int, I...>) {
  return {&multiply_group<Arch, I + 1, Vectors>...};
}

}  // namespace detail

/// A kernel for each number of tiles up to what the registers hold, so that no product computes what nobody wants.
template <class Arch, int Vectors> inline constexpr auto group_products =
    detail::product_kernels<Arch, Vectors>(std::make_integer_sequence<int, micro_tile_of<Arch>().pixels>{});

}  // namespace oxbow::on_host
