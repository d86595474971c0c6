// The first convolution of a network, which reads an image of few channels, and its weight gradient.
#pragma once
#include <oxbow/cuda/arch/copy_async.cuh>
#include <oxbow/cuda/arch/matrix.cuh>
#include <oxbow/cuda/kernel/bias_sums.cuh>
#include <oxbow/cuda/kernel/sinks.cuh>
#include <oxbow/cuda/tile/image_patch.cuh>
#include <oxbow/cuda/tile/packing.hpp>
#include <oxbow/cuda/tune/chip.hpp>

namespace oxbow::on_cuda {

/// Sizes of a convolution of an image. The window and the channels are the kernel's.
struct image_shape {
  int height, width;   ///< of the output
  int outputs;
  int pad_y = 0, pad_x = 0;
  bool mirror = false; ///< beyond the image lies its mirror image, not zeros
};

/// Weights for it: one tap whose inputs are the entries of a window.
constexpr packing pack_image(int tile_outputs, int channels, int taps, int outputs) {
  int const entries = channels * taps;
  return {.tile_outputs = tile_outputs, .chunk = packing::up(entries, 16), .first_out = outputs, .first_in = entries,
          .out_stride = entries, .in_stride = 1};
}

/// y = sink(conv(image, w)), stride 1. A block owns 8 × 32 pixels and 64 channels, a warp 2 × 16 pixels of them.
///
/// cost    bound by the store of y: with one channel one product of 16 × 8 × 16 makes 128 outputs
template <int Channels, int TapsY, int TapsX, class T, class Sink> struct conv_image {
  static constexpr int threads = 256, tile_height = 8, tile_width = 32, tile_outputs = 64, n_tiles = 8, octets = 2;
  using patch = image_patch<Channels, TapsY, TapsX, tile_height, tile_width, T>;
  static constexpr int steps = (patch::entries + 15) / 16, weight_bytes = steps * 16 * tile_outputs * 2;

  struct storage {
    alignas(128) unsigned char weights[weight_bytes];
    patch image;
  };
  struct args {
    image_shape shape;
    source<float const> image;
    uint4 const* weights;  ///< pack_image
    Sink sink;
  };
  static int tiles_k(image_shape const& s) { return tune::ceil_div(s.outputs, tile_outputs); }
  static int blocks(args const& a) {
    return tune::ceil_div(a.shape.height, tile_height) * tune::ceil_div(a.shape.width, tile_width) * tiles_k(a.shape);
  }

  __device__ static void run(args const& a, storage& memory) {
    image_shape const& s = a.shape;
    int const all_k = (s.outputs + tile_outputs - 1) / tile_outputs, tiles_x = (s.width + tile_width - 1) / tile_width;
    int const tile_k = static_cast<int>(blockIdx.x) % all_k, tile = static_cast<int>(blockIdx.x) / all_k;
    int const y0 = tile / tiles_x * tile_height, x0 = tile % tiles_x * tile_width;
    std::uint32_t const weights = ptx::shared_address(memory.weights);
    for (int i = threadIdx.x; i < weight_bytes / 16; i += threads)
      ptx::copy_async(weights + static_cast<unsigned>(i * 16), a.weights + tile_k * (weight_bytes / 16) + i);
    ptx::commit_copies();
    memory.image.load(a.image, y0 - s.pad_y, x0 - s.pad_x, s.mirror, threads);
    ptx::wait_for_copies<0>();
    __syncthreads();

    int const lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = warp / 2 * 2, column = warp % 2 * 16 + lane / 4;
    float acc[octets][n_tiles][4] = {};  // (2 rows × 8 pixels, 8 channels)
#pragma unroll
    for (int step = 0; step < steps; ++step) {
      int at[4];  // two neighbouring entries of the lower and of the upper eight
#pragma unroll
      for (int i = 0; i < 4; ++i)
        at[i] = patch::offset(step * 16 + i / 2 * 8 + lane % 4 * 2 + i % 2) + row * patch::pitch + column;
      std::uint32_t u[octets][4];
#pragma unroll
      for (int o = 0; o < octets; ++o)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          int const by = o * 8 + i % 2 * patch::pitch;
          u[o][i] = memory.image.pair(at[i / 2 * 2] + by, at[i / 2 * 2 + 1] + by);
        }
#pragma unroll
      for (int n = 0; n < n_tiles / 2; ++n) {
        std::uint32_t b[4];
        ptx::load_shared(b, weights + static_cast<unsigned>((step * (tile_outputs / 16) + n) * 512 + lane * 16));
#pragma unroll
        for (int o = 0; o < octets; ++o) {
          ptx::multiply(acc[o][2 * n], T{}, u[o][0], u[o][1], u[o][2], u[o][3], b[0], b[1]);
          ptx::multiply(acc[o][2 * n + 1], T{}, u[o][0], u[o][1], u[o][2], u[o][3], b[2], b[3]);
        }
      }
    }
#pragma unroll
    for (int group = 0; group < n_tiles / 4; ++group) {
      int const k = tile_k * tile_outputs + group * 32 + lane % 4 * 8;
      bool const real = k < s.outputs;
      auto const channels = a.sink.at(real ? k : 0);
#pragma unroll
      for (int o = 0; o < octets; ++o) {
        int const y = y0 + row, x = x0 + column + o * 8;
        bool const inside = real && y < s.height && x < s.width, below = inside && y + 1 < s.height;
        octet v[2];
#pragma unroll
        for (int i = 0; i < 4; ++i)
#pragma unroll
          for (int r = 0; r < 2; ++r) {
            auto const& c = acc[o][group * 4 + i];
            v[r][2 * i] = c[2 * r], v[r][2 * i + 1] = c[2 * r + 1];
          }
        if constexpr (Sink::pools) {
          channels(v, {y, x, inside}, below);
        } else {
          channels(v[0], {y, x, inside});
          channels(v[1], {y + 1, x, below});
        }
      }
    }
  }
};

/// dw[k][c][tap] = Σ dy[k](p) · image[c](p + tap − pad), and db[k] = Σ dy[k](p): the entries of the windows and a one
/// after them are the rows of a product over the pixels.
///
/// A block owns 64 outputs and its share of the patches of 8 × 32 pixels; each of its four warps owns two rows of a
/// patch. Its sums are for finish_gradients.
///
/// cost    bound by reading dy
template <int Channels, int TapsY, int TapsX, class T> struct conv_image_grad_weight {
  static constexpr int threads = 128, rows = 8, columns = 32, outputs = 64, n_tiles = outputs / 8;
  using patch = image_patch<Channels, TapsY, TapsX, rows, columns, T>;
  static constexpr int m_tiles = patch::entries / 16 + 1, inputs = m_tiles * 16;  // the ones are entry `entries`
  static constexpr int plane = rows * columns * 16, g_bytes = outputs / 8 * plane;
  static constexpr int g_rounds = g_bytes / 16 / threads;

  struct storage {
    union {
      alignas(128) unsigned char gradient[g_bytes];
      float sum[inputs][outputs + 8];  // eight more: then the halves of a warp meet in no bank
    };
    patch image;
  };
  struct args {
    image_shape shape;
    source<float const> image;
    view<T const> gradient;
    float* sums;      ///< left for finish_gradients: (split, input, output), both rounded up; floats() of them
    int splits;
  };
  static int tiles_k(image_shape const& s) { return tune::ceil_div(s.outputs, outputs); }
  static int patches(image_shape const& s) {
    return tune::ceil_div(s.height, rows) * tune::ceil_div(s.width, columns);
  }
  static int blocks(args const& a) { return tiles_k(a.shape) * a.splits; }
  static int padded_outputs(image_shape const& s) { return tiles_k(s) * outputs; }
  static std::int64_t floats(image_shape const& s, int splits) {
    return std::int64_t{splits} * inputs * padded_outputs(s);
  }

  __device__ static void load_gradient(std::uint32_t to, args const& a, int y0, int x0, int k0) {
    int const thread = threadIdx.x;
#pragma unroll 4
    for (int r = 0; r < g_rounds; ++r) {
      int const i = r * threads + thread, p = i / 64 * 8 + i % 8, piece = i / 8 % 8;
      int const y = y0 + p / columns, x = x0 + p % columns;
      bool const inside = y < a.shape.height && x < a.shape.width && k0 + piece * 8 < a.shape.outputs;
      T const* const from = inside ? a.gradient.at(y, x, k0 + piece * 8) : a.gradient.data;
      ptx::copy_async(to + static_cast<unsigned>(piece * plane + p * 16), from, inside);
    }
  }

  __device__ static void run(args const& a, storage& memory) {
    image_shape const& s = a.shape;
    std::uint32_t const gradient = ptx::shared_address(memory.gradient);
    int const tile_k = static_cast<int>(blockIdx.x) / a.splits, split = static_cast<int>(blockIdx.x) % a.splits;
    int const k0 = tile_k * outputs, patches_x = (s.width + columns - 1) / columns;
    int const all = (s.height + rows - 1) / rows * patches_x;
    int const from = static_cast<int>(static_cast<long long>(split) * all / a.splits);
    int const to = static_cast<int>(static_cast<long long>(split + 1) * all / a.splits);
    int const lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    // matrices of the gradient: low channels of pixels 0 … 7 and 8 … 15, then high channels
    std::uint32_t const g_at =
        gradient + static_cast<unsigned>((lane / 8 % 2 * 8 + lane % 8) * 16 + lane / 16 * plane);
    float acc[m_tiles][n_tiles][4] = {};  // (16 entries, 8 outputs)
    for (int number = from; number < to; ++number) {
      int const y0 = number / patches_x * rows, x0 = number % patches_x * columns;
      load_gradient(gradient, a, y0, x0, k0);
      ptx::commit_copies();
      memory.image.load(a.image, y0 - s.pad_y, x0 - s.pad_x, s.mirror, threads);
      ptx::wait_for_copies<0>();
      __syncthreads();
#pragma unroll 1
      for (int step = 0; step < 2 * columns / 16; ++step) {
        int const p0 = warp * 2 * columns + step * 16, row = p0 / columns, column = p0 % columns + lane % 4 * 2;
        std::uint32_t b[n_tiles / 2][4];
#pragma unroll
        for (int n = 0; n < n_tiles / 2; ++n)
          ptx::load_matrices_transposed(b[n], g_at + static_cast<unsigned>(p0 * 16 + n * 2 * plane));
#pragma unroll
        for (int m = 0; m < m_tiles; ++m) {
          std::uint32_t u[4];
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            int const entry = m * 16 + i % 2 * 8 + lane / 4;
            int const at = patch::offset(entry) + row * patch::pitch + column + i / 2 * 8;
            u[i] = memory.image.pair(at, at + 1);
            if (entry >= patch::entries) u[i] = entry == patch::entries ? ones<T> : 0u;
          }
#pragma unroll
          for (int n = 0; n < n_tiles; ++n)
            ptx::multiply(acc[m][n], T{}, u[0], u[1], u[2], u[3], b[n / 2][n % 2 * 2], b[n / 2][n % 2 * 2 + 1]);
        }
      }
      __syncthreads();
    }
    // the sums of the warps, one warp after the other
    for (int turn = 0; turn < threads / 32; ++turn) {
      if (warp == turn)
#pragma unroll
        for (int m = 0; m < m_tiles; ++m)
#pragma unroll
          for (int n = 0; n < n_tiles; ++n)
#pragma unroll
            for (int half = 0; half < 2; ++half) {
              auto& sum = reinterpret_cast<float2&>(memory.sum[m * 16 + half * 8 + lane / 4][n * 8 + lane % 4 * 2]);
              float2 const before = turn ? sum : float2{0, 0};
              sum = {before.x + acc[m][n][2 * half], before.y + acc[m][n][2 * half + 1]};
            }
      __syncthreads();
    }
    int const width = (s.outputs + outputs - 1) / outputs * outputs;
    for (int i = threadIdx.x; i < inputs * outputs; i += threads) {
      int const entry = i / outputs, k = i % outputs;
      a.sums[(static_cast<std::int64_t>(split) * inputs + entry) * width + k0 + k] = memory.sum[entry][k];
    }
  }
};

}  // namespace oxbow::on_cuda
