// The plain convolution, in float: what the tensor-core kernels are compared with, and what runs where they do not fit.
#pragma once
#include <oxbow/cuda/kernel/patch.cuh>

namespace oxbow::on_cuda {

/// Where the taps of a window fall, in the coordinates of an input that was spread apart by `spread`.
struct window_taps {
  extent window{}, stride{}, dilation{}, border{0, 0, 0}, spread{};
};

/// Weights of a convolution as pack_plain orders them: (tap, input, output).
struct packed_filter {
  float const* weights = nullptr;
  float const* bias = nullptr;  ///< one per output, or null
  int inputs = 0, outputs = 0;
};

/// y(k, p) = [bias(k) +] Σ_t Σ_c w(t, c, k) · x(c, p · stride + t · dilation − border), over the channels c that x has.
/// Without `begin`, adds to what y holds. Pixels of y outside `size` become zero: nobody may see them.
///
/// needs   x covers the window of every pixel of y within `size`, in dense coordinates; zeros where the image has none
/// order   of the sum: taps in row-major order, channels within each; one accumulator
/// cost    a thread makes four pixels of one channel: one weight and four inputs for four multiply-adds
inline __noinline__ __device__ void convolve(patch const& x, patch const& y, extent size, window_taps const& at,
                                             packed_filter const& w, bool begin) {
  constexpr int pixels_each = 4;
  int const pixels = static_cast<int>(y.where.size.volume()), groups = (pixels + pixels_each - 1) / pixels_each;
  bool const spreads = at.spread.volume() > 1;
  extent const in = x.memory.size, taps = at.window;
  int const step_y = at.dilation.height * in.width * x.pitch, step_x = at.dilation.width * x.pitch;
  int const step_z = at.dilation.depth * in.height * in.width * x.pitch;
  for (int item = static_cast<int>(threadIdx.x); item < groups * y.count; item += static_cast<int>(blockDim.x)) {
    int const lane = item % y.count, k = y.first + lane, group = item / y.count;
    float sum[pixels_each];
    float* to[pixels_each];
    int from[pixels_each];       // the window's first pixel in x, in floats; spread: unused
    int corner[pixels_each][3];  // the same in spread coordinates
    bool within[pixels_each];
    for (int j = 0; j < pixels_each; ++j) {
      int const p = group * pixels_each + j < pixels ? group * pixels_each + j : pixels - 1;
      int const px = p % y.where.size.width, row = p / y.where.size.width;
      int const at_pixel[3] = {y.where.origin.depth + row / y.where.size.height,
                               y.where.origin.height + row % y.where.size.height, y.where.origin.width + px};
      within[j] = size.contains(at_pixel[0], at_pixel[1], at_pixel[2]);
      for (int a = 0; a < 3; ++a) corner[j][a] = at_pixel[a] * at.stride[a] - at.border[a];
      to[j] = &y(k, at_pixel[0], at_pixel[1], at_pixel[2]);
      sum[j] = !within[j] ? 0 : begin ? (w.bias != nullptr ? w.bias[k] : 0.f) : *to[j];
      from[j] =
          within[j] && !spreads
              ? static_cast<int>(in.index(corner[j][0] - x.memory.origin.depth, corner[j][1] - x.memory.origin.height,
                                          corner[j][2] - x.memory.origin.width)) *
                    x.pitch
              : 0;
    }
    float const* weight = w.weights + std::int64_t{x.first} * w.outputs + k;
    std::int64_t const next_tap = std::int64_t{w.inputs} * w.outputs;
    for (int tz = 0; tz < taps.depth; ++tz)
      for (int ty = 0; ty < taps.height; ++ty)
        for (int tx = 0; tx < taps.width; ++tx, weight += next_tap) {
          float const* source[pixels_each];
          for (int j = 0; j < pixels_each; ++j) {
            source[j] = within[j] ? x.data + from[j] + tz * step_z + ty * step_y + tx * step_x : nullptr;
            if (!spreads || !within[j]) continue;
            int const u[3] = {corner[j][0] + tz * at.dilation.depth, corner[j][1] + ty * at.dilation.height,
                              corner[j][2] + tx * at.dilation.width};
            bool const hits =
                u[0] % at.spread.depth == 0 && u[1] % at.spread.height == 0 && u[2] % at.spread.width == 0;
            source[j] =
                hits ? &x(x.first, u[0] / at.spread.depth, u[1] / at.spread.height, u[2] / at.spread.width) : nullptr;
          }
          if (source[0] && source[1] && source[2] && source[3]) {
            for (int c = 0; c < x.count; ++c) {
              float const f = weight[std::int64_t{c} * w.outputs];
              for (int j = 0; j < pixels_each; ++j) sum[j] = fmaf(f, source[j][c], sum[j]);
            }
          } else {
            for (int j = 0; j < pixels_each; ++j)
              for (int c = 0; source[j] && c < x.count; ++c)
                sum[j] = fmaf(weight[std::int64_t{c} * w.outputs], source[j][c], sum[j]);
          }
        }
    for (int j = 0; j < pixels_each; ++j)
      if (group * pixels_each + j < pixels) *to[j] = sum[j];
  }
}

/// Transposed convolution whose stride is its window s: y(k, q · s + t) = bias(k) + Σ_c w(t, c, k) · x(c, q).
inline __noinline__ __device__ void up_convolve(patch const& x, patch const& y, extent stride, packed_filter const& w,
                                                bool begin) {
  for_each(y.where, y.first, y.count, [&](int k, int z, int v, int u) {
    int const tap = (z % stride.depth * stride.height + v % stride.height) * stride.width + u % stride.width;
    float const* weight = w.weights + (std::int64_t{tap} * w.inputs + x.first) * w.outputs + k;
    float const* from = &x(x.first, z / stride.depth, v / stride.height, u / stride.width);
    float sum = begin ? (w.bias != nullptr ? w.bias[k] : 0.f) : y(k, z, v, u);
    for (int c = 0; c < x.count; ++c) sum = fmaf(weight[std::int64_t{c} * w.outputs], from[c], sum);
    y(k, z, v, u) = sum;
  });
}

}  // namespace oxbow::on_cuda
