// The weight and bias gradient of a convolution with any window, and of an up-convolution.
#pragma once
#include <oxbow/cuda/arch/copy_async.cuh>
#include <oxbow/cuda/kernel/conv_window.cuh>
#include <oxbow/cuda/kernel/grad_sums.cuh>
#include <oxbow/cuda/kernel/pixel_walk.cuh>
#include <oxbow/cuda/tune/grad_tile.hpp>

namespace oxbow::on_cuda {

/// dw[k][c][t] = Σ over pixels p of g[k](p) · x[c](p · stride + t · dilation − pad), and the sums of g or of x.
///
/// For an up-convolution of stride 2 the roles change: its data gradient is the convolution of dy with window and
/// stride 2, so x is dy, g the layer's input, and the bias gradient is the sum of x over all taps.
/// A block owns one tap and a tile of channels × outputs, and sums over its share of the pixels, counted row by row.
/// The shape is an argument: one instantiation per tile and element.
///
/// cost    2 · height · width · taps · inputs · outputs operations; reads g once per tap and tile of inputs
template <window_grad_tile Tile, class T> struct conv_window_grad_weight {
  static constexpr int threads = Tile.threads(), resident = Tile.blocks_per_sm, pixels = Tile.pixels;
  static constexpr int channels = Tile.inputs(), outputs = Tile.outputs(), n_tiles = Tile.octets;
  static constexpr int plane = pixels * 16, x_bytes = channels / 8 * plane, g_bytes = outputs / 8 * plane;
  static constexpr int stage_bytes = x_bytes + g_bytes;
  static constexpr int x_rounds = x_bytes / 16 / threads, g_rounds = g_bytes / 16 / threads;
  static_assert(threads % channels == 0 && threads % outputs == 0 && x_bytes / 16 % threads == 0 &&
                    g_bytes / 16 % threads == 0 && pixels % 16 == 0 && Tile.octets % 2 == 0,
                "conv_window_grad_weight: the threads share a stage evenly.");

  enum class bias_of { nothing, gradient, input };
  struct storage {
    alignas(128) unsigned char stage[Tile.stages][stage_bytes];
  };
  struct args {
    window_shape shape;
    source<T const> first, second;
    view<T const> gradient;
    grad_sums sums;      ///< bias sums: (splits, outputs) of the gradient, (splits · taps, inputs) of the input
    int splits;
    bias_of bias;
  };
  static int tiles_c(window_shape const& s) {
    return tune::ceil_div(s.first, channels) + tune::ceil_div(s.second, channels);
  }
  static int tiles_k(window_shape const& s) { return tune::ceil_div(s.outputs, outputs); }
  static int blocks(args const& a) { return tiles_c(a.shape) * tiles_k(a.shape) * a.shape.taps() * a.splits; }
  static grad_sums sums_of(window_shape const& s, float* weight, float* bias) {
    return {weight, bias, tiles_c(s) * channels, tiles_k(s) * outputs, s.taps()};
  }

  struct job {
    source<T const> x;
    int channel, channels, k0, ty, tx;
  };
  __device__ static void load(std::uint32_t stage, args const& a, job const& j, int p0) {
    window_shape const& s = a.shape;
    int const thread = threadIdx.x, here = thread % 8;
    // items: (8 pixels) within (pieces) within (groups of 8 pixels), so that eight threads fill 128 bytes of a plane
    pixel_walk input{p0 + thread / channels * 8 + here, threads / channels * 8, s.width};
#pragma unroll
    for (int r = 0; r < x_rounds; ++r, input.advance()) {
      int const item = r * threads + thread, piece = item / 8 % (channels / 8), slot = item / channels * 8 + here;
      bool inside = input.y < s.height && piece * 8 < j.channels;
      int y = input.y * s.stride_y + j.ty * s.dilation_y - s.pad_y + j.x.shift_y;
      int x = input.x * s.stride_x + j.tx * s.dilation_x - s.pad_x + j.x.shift_x;
      if (s.mirror) {
        y = y < 0 ? -y : y >= j.x.height ? 2 * j.x.height - 2 - y : y;
        x = x < 0 ? -x : x >= j.x.width ? 2 * j.x.width - 2 - x : x;
      }
      inside = inside && static_cast<unsigned>(y) < static_cast<unsigned>(j.x.height) &&
               static_cast<unsigned>(x) < static_cast<unsigned>(j.x.width);
      unsigned const at = inside ? static_cast<unsigned>(y) * static_cast<unsigned>(j.x.data.row) +
                                       static_cast<unsigned>(x) * static_cast<unsigned>(j.x.data.pixel) +
                                       static_cast<unsigned>(j.channel + piece * 8)
                                 : 0u;
      ptx::copy_async(stage + static_cast<unsigned>(piece * plane + slot * 16), j.x.data.data + at, inside);
    }
    pixel_walk result{p0 + thread / outputs * 8 + here, threads / outputs * 8, s.width};
#pragma unroll
    for (int r = 0; r < g_rounds; ++r, result.advance()) {
      int const item = r * threads + thread, piece = item / 8 % (outputs / 8), slot = item / outputs * 8 + here;
      bool const inside = result.y < s.height && j.k0 + piece * 8 < s.outputs;
      unsigned const at = inside ? static_cast<unsigned>(result.y) * static_cast<unsigned>(a.gradient.row) +
                                       static_cast<unsigned>(result.x) * static_cast<unsigned>(a.gradient.pixel) +
                                       static_cast<unsigned>(j.k0 + piece * 8)
                                 : 0u;
      ptx::copy_async(stage + static_cast<unsigned>(x_bytes + piece * plane + slot * 16), a.gradient.data + at, inside);
    }
  }

  struct accumulators {
    float weight[2][n_tiles][4];          // (16 channels, 8 outputs)
    float of_gradient[n_tiles / 2][4];    // (16 outputs, 8 times the same)
    float of_input[2][4];                 // (16 channels, 8 times the same)
  };
  template <bool Bias>
  __device__ static void multiply(accumulators& sums, std::uint32_t x, std::uint32_t g, bool sum_gradient,
                                  bool sum_input) {
#pragma unroll
    for (int step = 0; step < pixels / 16; ++step) {
      std::uint32_t u[2][4];
#pragma unroll
      for (int m = 0; m < 2; ++m)
        ptx::load_matrices_transposed(u[m], x + static_cast<unsigned>(step * 256 + m * 2 * plane));
#pragma unroll
      for (int n = 0; n < n_tiles / 2; ++n) {
        std::uint32_t b[4];
        ptx::load_matrices_transposed(b, g + static_cast<unsigned>(step * 256 + n * 2 * plane));
#pragma unroll
        for (int m = 0; m < 2; ++m) {
          ptx::multiply(sums.weight[m][2 * n], T{}, u[m][0], u[m][1], u[m][2], u[m][3], b[0], b[1]);
          ptx::multiply(sums.weight[m][2 * n + 1], T{}, u[m][0], u[m][1], u[m][2], u[m][3], b[2], b[3]);
        }
        // what is a column of the right operand is a row of the left one: the same registers, in another order
        if (Bias && sum_gradient)
          ptx::multiply(sums.of_gradient[n], T{}, b[0], b[2], b[1], b[3], ones<T>, ones<T>);
      }
      if (Bias && sum_input)
#pragma unroll
        for (int m = 0; m < 2; ++m)
          ptx::multiply(sums.of_input[m], T{}, u[m][0], u[m][1], u[m][2], u[m][3], ones<T>, ones<T>);
    }
  }

  __device__ static void run(args const& a, storage& memory) {
    window_shape const& s = a.shape;
    std::uint32_t const smem = ptx::shared_address(memory.stage[0]);
    int const taps = s.taps_y * s.taps_x, first_tiles = (s.first + channels - 1) / channels;
    int const all_k = (s.outputs + outputs - 1) / outputs;
    int rest = blockIdx.x;
    int const split = rest % a.splits;
    rest /= a.splits;
    int const tap = rest % taps;
    rest /= taps;
    int const tile_k = rest % all_k, tile_c = rest / all_k;
    bool const in_first = tile_c < first_tiles;
    job j;
    j.x.data.data = in_first ? a.first.data.data : a.second.data.data;
    j.x.data.pixel = in_first ? a.first.data.pixel : a.second.data.pixel;
    j.x.data.row = in_first ? a.first.data.row : a.second.data.row;
    j.x.height = in_first ? a.first.height : a.second.height, j.x.width = in_first ? a.first.width : a.second.width;
    j.x.shift_y = in_first ? a.first.shift_y : a.second.shift_y;
    j.x.shift_x = in_first ? a.first.shift_x : a.second.shift_x;
    j.channel = (in_first ? tile_c : tile_c - first_tiles) * channels;
    j.channels = (in_first ? s.first : s.second) - j.channel;
    j.k0 = tile_k * outputs, j.ty = tap / s.taps_x, j.tx = tap % s.taps_x;
    int const parts = (s.height * s.width + pixels - 1) / pixels;
    int const from = static_cast<int>(static_cast<long long>(split) * parts / a.splits);
    int const to = static_cast<int>(static_cast<long long>(split + 1) * parts / a.splits);

    int const lane = threadIdx.x % 32, warp = threadIdx.x / 32, wk = warp % Tile.warps_k, wc = warp / Tile.warps_k;
    // matrices of x: (pixels low, channels low), (low, high), (high, low), (high, high); of g the pixels vary first
    std::uint32_t const x_at =
        static_cast<unsigned>((lane / 16 * 8 + lane % 8) * 16 + lane / 8 % 2 * plane + wc * 4 * plane);
    std::uint32_t const g_at = static_cast<unsigned>(x_bytes + (lane / 8 % 2 * 8 + lane % 8) * 16 +
                                                     lane / 16 * plane + wk * n_tiles * plane);
    accumulators sums = {};
    bool const sum_gradient = a.bias == bias_of::gradient && tile_c == 0 && tap == 0 && wc == 0;
    bool const sum_input = a.bias == bias_of::input && tile_k == 0 && wk == 0;
#pragma unroll
    for (int i = 0; i < Tile.stages - 1; ++i) {
      if (from + i < to) load(smem + i * stage_bytes, a, j, (from + i) * pixels);
      ptx::commit_copies();
    }
    int read = 0, write = Tile.stages - 1;
#pragma unroll 1
    for (int part = from; part < to; ++part) {
      ptx::wait_for_copies<Tile.stages - 2>();
      __syncthreads();
      int const ahead = part + Tile.stages - 1;
      if (ahead < to) load(smem + write * stage_bytes, a, j, ahead * pixels);
      ptx::commit_copies();
      std::uint32_t const stage = smem + read * stage_bytes;
      if (sum_gradient || sum_input) multiply<true>(sums, stage + x_at, stage + g_at, sum_gradient, sum_input);
      else multiply<false>(sums, stage + x_at, stage + g_at, false, false);
      read = read + 1 == Tile.stages ? 0 : read + 1;
      write = write + 1 == Tile.stages ? 0 : write + 1;
    }
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int n = 0; n < n_tiles; ++n)
        a.sums.store(sums.weight[m][n], split, tap, tile_c * channels + wc * 32 + m * 16,
                     j.k0 + wk * n_tiles * 8 + n * 8);
    if (sum_gradient) {
      int const width = (s.outputs + 7) & ~7;
#pragma unroll
      for (int n = 0; n < n_tiles / 2; ++n)
        store_bias_sums(sums.of_gradient[n], a.sums.bias + static_cast<std::int64_t>(split) * width,
                        j.k0 + wk * n_tiles * 8 + n * 16, width);
    }
    if (sum_input) {
      int const width = (s.first + 7) & ~7;
#pragma unroll
      for (int m = 0; m < 2; ++m)
        store_bias_sums(sums.of_input[m], a.sums.bias + static_cast<std::int64_t>(split * taps + tap) * width,
                        j.channel + wc * 32 + m * 16, width);
    }
  }
};

}  // namespace oxbow::on_cuda
