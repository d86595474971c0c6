// Convolution of one patch: direct, in registers, every channel of the output over every channel of the input.
#pragma once
#include <vector>

#include <oxbow/host/pack.hpp>
#include <oxbow/host/patch.hpp>

namespace oxbow::on_host {

namespace detail {

/// Sums for Pixels neighbouring outputs × Vectors · width channels, over `channels` inputs and all taps.
/// x: the first pixel's first tap; pixel: floats between inputs of neighbouring outputs, or Pixel where that is not 0:
/// a constant saves an address per pixel. The weights are read once, in order. Every loop over the sums is unrolled,
/// zeroing and storing included, else they spill.
template <class Arch, int Pixels, int Vectors, int Pixel>
[[gnu::noinline]] void multiply(float const* x, std::ptrdiff_t any_pixel, std::ptrdiff_t block_stride, int channels,
                                tap_offsets const& taps, float const* w, float* const (&y)[Vectors],
                                std::ptrdiff_t y_pixel, float const* bias) {
  using v = vec<Arch>;
  constexpr int width = width_of<Arch>, panel = packed_weights<Arch>::panel;
  v sum[Pixels][Vectors];
#pragma GCC unroll 16
  for (int p = 0; p < Pixels; ++p)
#pragma GCC unroll 2
    for (int n = 0; n < Vectors; ++n)
      sum[p][n] = bias ? v::load_unaligned(bias + n * width) : v::load_unaligned(y[n] + p * y_pixel);
  std::ptrdiff_t const* const offsets = taps.floats.data();
  std::ptrdiff_t const pixel = Pixel != 0 ? Pixel : any_pixel;
  for (int first = 0; first < channels; first += layout::block, x += block_stride) {
    int const count = channels - first < layout::block ? channels - first : layout::block;
    for (int t = 0; t < taps.count; ++t) {
      float const* const at = x + offsets[t];
      auto const step = [&](int c) __attribute__((always_inline)) {
        v weight[Vectors];
#pragma GCC unroll 2
        for (int n = 0; n < Vectors; ++n) weight[n] = v::load_unaligned(w + c * panel + n * width);
#pragma GCC unroll 16
        for (int p = 0; p < Pixels; ++p) {
          v const input = v::broadcast(at[p * pixel + c]);
#pragma GCC unroll 2
          for (int n = 0; n < Vectors; ++n) sum[p][n] = multiply_add(input, weight[n], sum[p][n]);
        }
      };
      if (Pixel != 0 && count == layout::block) {
#pragma GCC unroll 4
        for (int c = 0; c < layout::block; ++c) step(c);
      } else {
        for (int c = 0; c < count; ++c) step(c);
      }
      w += count * panel;
    }
  }
#pragma GCC unroll 16
  for (int p = 0; p < Pixels; ++p)
#pragma GCC unroll 2
    for (int n = 0; n < Vectors; ++n) sum[p][n].store_unaligned(y[n] + p * y_pixel);
}

/// One row of `count` outputs, in groups of as many as fit the registers.
template <class Arch, int Vectors, int Pixel, int Pixels = micro_tile_of<Arch>().pixels>
void multiply_row(float const* x, std::ptrdiff_t pixel, std::ptrdiff_t block_stride, int channels,
                  tap_offsets const& taps, float const* w, float* (&y)[Vectors], std::ptrdiff_t y_pixel, int count,
                  float const* bias) {
  for (; count >= Pixels; count -= Pixels, x += Pixels * pixel) {
    multiply<Arch, Pixels, Vectors, Pixel>(x, pixel, block_stride, channels, taps, w, y, y_pixel, bias);
    for (float*& p : y) p += Pixels * y_pixel;
  }
  if constexpr (Pixels > 1)
    if (count > 0)
      multiply_row<Arch, Vectors, Pixel,
                   (Pixels > 8   ? 8
                    : Pixels > 4 ? 4
                    : Pixels > 2 ? 2
                                 : 1)>(x, pixel, block_stride, channels, taps, w, y, y_pixel, count, bias);
}

}  // namespace detail

/// Which output pixels a convolution writes: those at origin + step · i of a patch. An up-convolution
/// writes one parity at a time.
struct output_grid {
  extent first{0, 0, 0}, step{}, count{};
};

/// y(p) += Σ w · x over the channels of x and all taps, or bias + Σ where there is a bias (padded to whole panels).
/// x covers what the outputs need: the input of local output i and tap t is local pixel i·stride + t·dilation.
/// w: packed weights of x's first block in a convolution of `inputs` channels in all.
/// scratch: floats for one row of outputs of one panel.
template <class Arch> void convolve(patch const& x, patch const& y, output_grid const& grid, extent window,
                                    extent stride, extent dilation, float const* w, int inputs, float const* bias,
                                    float* scratch) {
  constexpr int width = width_of<Arch>, vectors = micro_tile_of<Arch>().vectors, panel = packed_weights<Arch>::panel;
  tap_offsets const taps{x, window, dilation};
  bool const whole = y.lanes == layout::block;  // vectors never leave a row of pixels
  for (int k = 0; k < y.channels; k += panel, w += packed_weights<Arch>::panel_floats(inputs, taps.count)) {
    bool const one = y.channels - k <= width;  // the second vector would be empty
    float const* const b = bias ? bias + k : nullptr;
    for (int z = 0; z < grid.count.depth; ++z)
      for (int r = 0; r < grid.count.height; ++r) {
        float const* const in = x.at(0, z * stride.depth, r * stride.height, 0);
        std::ptrdiff_t const pixel = std::ptrdiff_t{x.lanes} * stride.width;
        int const yz = grid.first.depth + z * grid.step.depth, yy = grid.first.height + r * grid.step.height;
        std::ptrdiff_t y_pixel = std::ptrdiff_t{y.lanes} * grid.step.width;
        auto const at_channel = [&](int c) {
          return y.at(c / layout::block, yz, yy, grid.first.width) + c % layout::block;
        };
        float* out[2] = {at_channel(k), one ? nullptr : at_channel(k + width)};
        if (!whole) {
          out[0] = scratch, out[1] = scratch + width, y_pixel = panel;
          for (int i = 0; i < grid.count.width && !b; ++i)
            for (int c = 0; c < y.channels - k && c < panel; ++c)
              scratch[i * panel + c] = y.at(0, yz, yy, grid.first.width + i * grid.step.width)[k + c];
        }
        float* single[1] = {out[0]};
        auto const row = [&]<int Pixel>() {
          if (one)
            detail::multiply_row<Arch, 1, Pixel>(in, pixel, x.block_stride, x.channels, taps, w, single, y_pixel,
                                                 grid.count.width, b);
          else
            detail::multiply_row<Arch, vectors, Pixel>(in, pixel, x.block_stride, x.channels, taps, w, out, y_pixel,
                                                       grid.count.width, b);
        };
        if (pixel == layout::block) row.template operator()<layout::block>();
        else row.template operator()<0>();
        if (!whole)
          for (int i = 0; i < grid.count.width; ++i)
            for (int c = 0; c < y.channels - k && c < panel; ++c)
              y.at(0, yz, yy, grid.first.width + i * grid.step.width)[k + c] = scratch[i * panel + c];
      }
  }
}

}  // namespace oxbow::on_host
