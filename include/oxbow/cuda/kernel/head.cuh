// The end of a network within its last 3×3 convolution: a 1×1 convolution to a few classes, the loss, its gradient.
#pragma once
#include <cstdint>

#include <oxbow/cuda/arch/copy_async.cuh>
#include <oxbow/cuda/arch/vector_access.cuh>
#include <oxbow/cuda/kernel/finish.cuh>
#include <oxbow/cuda/kernel/pixel_loss.cuh>

namespace oxbow::on_cuda {

/// The layers of a head on the device, fp32. All rows have `width` values, zero beyond the map's channels; width is the
/// outputs of the tile.
struct head_layers {
  float const* map_bias;  ///< (width) of the 3×3 convolution
  float const* weight;    ///< (classes, width)
  float const* bias;      ///< (classes)
};

namespace detail {

/// What both heads share. A quad of lanes holds all channels of its pixels, so that logits are two shuffles away; the
/// map itself stays in registers.
template <class Kernel, activation F, int Classes> struct head_tile {
  static constexpr int width = Kernel::tile_outputs, groups = Kernel::n_tiles / 4, pairs = Kernel::pairs;
  static constexpr int warps = Kernel::threads / 32, m_tiles = Kernel::m_tiles;
  static constexpr int sums = Classes * width + Classes;   // gradients of weights and biases
  static_assert(width == Kernel::n_tiles * 8, "head: a warp must own all channels of its pixels. Pick a tile with "
                                              "tile_need::whole_outputs.");
  struct scratch {
    alignas(16) float map_bias[width];
    alignas(16) float weight[Classes][width];
    float bias[Classes];
    float slope[warps][m_tiles][2][Classes][8];  // of the loss for each logit; pixels last
    float sum[warps][sums];
  };
  static_assert(sizeof(scratch) <= sizeof(Kernel::storage::stages), "head: too many classes for this tile.");

  scratch& s;
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  int y0, x0;

  __device__ head_tile(typename Kernel::storage& memory, head_layers const& layers, typename Kernel::place at)
      : s{*reinterpret_cast<scratch*>(memory.stages)} {
    auto const mine = Kernel::my_share();
    y0 = at.y * Kernel::tile_height + mine.y, x0 = at.x * Kernel::tile_width + mine.x + lane / 4;
    for (int i = threadIdx.x; i < width; i += Kernel::threads) s.map_bias[i] = layers.map_bias[i];
    for (int i = threadIdx.x; i < Classes * width; i += Kernel::threads)
      s.weight[i / width][i % width] = layers.weight[i];
    if (threadIdx.x < Classes) s.bias[threadIdx.x] = layers.bias[threadIdx.x];
    __syncthreads();
  }
  __device__ int y(int m, int row) const { return y0 + m % pairs * 2 + row; }
  __device__ int x(int m) const { return x0 + m / pairs * 8; }
  __device__ int channel(int group) const { return group * 32 + lane % 4 * 8; }

  /// Eight numbers, read where it says so: ordinary loads are merged over all pixels, and then there are too few
  /// registers.
  __device__ static void eight(octet& v, float const* at) {
    std::uint32_t r[4];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      ptx::load_shared(r, ptx::shared_address(at + 4 * half));
#pragma unroll
      for (int i = 0; i < 4; ++i) v[4 * half + i] = __uint_as_float(r[i]);
    }
  }

  /// acc: sums → sums with bias, which the activation takes.
  __device__ void logits(typename Kernel::accumulators& acc, int m, float (&z)[2][Classes]) const {
#pragma unroll
    for (int row = 0; row < 2; ++row)
#pragma unroll
      for (int j = 0; j < Classes; ++j) z[row][j] = 0;
#pragma unroll
    for (int group = 0; group < groups; ++group) {
      octet b;
      eight(b, s.map_bias + channel(group));
#pragma unroll
      for (int i = 0; i < 8; ++i)
#pragma unroll
        for (int row = 0; row < 2; ++row) acc[m][group * 4 + i / 2][2 * row + i % 2] += b[i];
#pragma unroll
      for (int j = 0; j < Classes; ++j) {
        octet w;
        eight(w, s.weight[j] + channel(group));
#pragma unroll
        for (int i = 0; i < 8; ++i)
#pragma unroll
          for (int row = 0; row < 2; ++row)
            z[row][j] += F::value(acc[m][group * 4 + i / 2][2 * row + i % 2]) * w[i];
      }
    }
#pragma unroll
    for (int row = 0; row < 2; ++row)
#pragma unroll
      for (int j = 0; j < Classes; ++j) {
        z[row][j] += __shfl_xor_sync(~0u, z[row][j], 1);
        z[row][j] += __shfl_xor_sync(~0u, z[row][j], 2);
        z[row][j] += s.bias[j];
      }
  }
};

}  // namespace detail

/// A sink that stores logits: (height, width, Classes) in fp32, without padding.
template <activation F, int Classes> struct head_logits {
  struct scratch;
  static constexpr bool pools = false;
  head_layers layers;
  float* to;
  int height, width;

  template <class Kernel>
  __device__ void tile(typename Kernel::accumulators& acc, typename Kernel::place at, int,
                       typename Kernel::storage& memory) const {
    detail::head_tile<Kernel, F, Classes> const t{memory, layers, at};
#pragma unroll
    for (int m = 0; m < Kernel::m_tiles; ++m) {
      float z[2][Classes];
      t.logits(acc, m, z);
#pragma unroll
      for (int row = 0; row < 2; ++row)
#pragma unroll
        for (int first = 0; first < Classes; first += 4) {  // each lane of a quad has one of four neighbours
          int const j = first + t.lane % 4;
          float mine = z[row][first];
#pragma unroll
          for (int i = 1; i < 4; ++i)
            if (first + i < Classes && t.lane % 4 == i) mine = z[row][first + i];
          if (j < Classes && t.y(m, row) < height && t.x(m) < width)
            to[(static_cast<std::int64_t>(t.y(m, row)) * width + t.x(m)) * Classes + j] = mine;
        }
    }
    __syncthreads();
  }
};

/// A sink that ends in the loss and begins the way back: it stores the gradient of what the 3×3 convolution made,
/// before its activation, and leaves the sums of each tile for finish_gradients. The map is not stored.
///
/// shapes  gradient: height × width × padded; sums: tiles × (Classes · width + Classes)
template <class T, activation F, loss_function const* L, int Classes> struct head_loss {
  struct scratch;
  static constexpr bool pools = false;
  head_layers layers;
  std::uint8_t const* labels;    ///< (height, width)
  float const* pixel_weights;    ///< (height, width)
  float const* share;            ///< one over the number of pixels that take part
  float const* scale;            ///< of the gradients; may be null: 1
  view<T> gradient;
  float* pixel_loss;             ///< (height, width)
  float* sums;
  int height, width, channels;   ///< channels of the map, rounded up to 8

  static constexpr int sums_of(int tile_outputs) { return Classes * tile_outputs + Classes; }

  template <class Kernel>
  __device__ void tile(typename Kernel::accumulators& acc, typename Kernel::place at, int number,
                       typename Kernel::storage& memory) const {
    using parts = detail::head_tile<Kernel, F, Classes>;
    parts const t{memory, layers, at};
    float const n = *share, factor = scale ? *scale : 1.f;
#pragma unroll
    for (int m = 0; m < Kernel::m_tiles; ++m) {
      float z[2][Classes];
      t.logits(acc, m, z);
#pragma unroll
      for (int row = 0; row < 2; ++row) {
        int const y = t.y(m, row), x = t.x(m);
        bool const inside = y < height && x < width;
        std::int64_t const pixel = inside ? static_cast<std::int64_t>(y) * width + x : 0;
        int const label = inside ? labels[pixel] : ignored_label;
        float const here = pixel_slopes<L, Classes>(z[row], label, inside ? pixel_weights[pixel] : 0.f, n);
        if (t.lane % 4 != 0) continue;
#pragma unroll
        for (int j = 0; j < Classes; ++j) t.s.slope[t.warp][m][row][j][t.lane / 4] = z[row][j] * factor;
        if (inside) pixel_loss[pixel] = here;
      }
    }
    // the slopes wait in shared memory: with the sums they are more than the registers hold
    __syncwarp();
    give_back<Kernel>(acc, t);
    __syncwarp();
    leave_sums<Kernel>(acc, t, number);
  }

  template <class Kernel, class Parts>
  __device__ void give_back(typename Kernel::accumulators const& acc, Parts const& t) const {
#pragma unroll
    for (int group = 0; group < Parts::groups; ++group) {
      int const k = t.channel(group);
#pragma unroll
      for (int m = 0; m < Kernel::m_tiles; ++m)
#pragma unroll
        for (int row = 0; row < 2; ++row) {
          octet g = {};
#pragma unroll
          for (int j = 0; j < Classes; ++j) {
            octet w;
            Parts::eight(w, t.s.weight[j] + k);
#pragma unroll
            for (int i = 0; i < 8; ++i) g[i] += t.s.slope[t.warp][m][row][j][t.lane / 4] * w[i];
          }
#pragma unroll
          for (int i = 0; i < 8; ++i) {
            float const v = acc[m][group * 4 + i / 2][2 * row + i % 2];
            if constexpr (requires { F::derivative(at_output{0}); }) g[i] *= F::derivative(at_output{F::value(v)});
            else g[i] *= F::derivative(at_input{v});
          }
          if (t.y(m, row) < height && t.x(m) < width && k < channels)
            store_octet(gradient.at(t.y(m, row), t.x(m), k), g);
        }
    }
  }

  template <class Kernel, class Parts>
  __device__ void leave_sums(typename Kernel::accumulators const& acc, Parts const& t, int number) const {
    float* const mine = t.s.sum[t.warp];
#pragma unroll
    for (int j = 0; j < Classes; ++j) {
      float of_bias = 0;
#pragma unroll
      for (int group = 0; group < Parts::groups; ++group) {
        octet dw = {};
#pragma unroll
        for (int m = 0; m < Kernel::m_tiles; ++m)
#pragma unroll
          for (int row = 0; row < 2; ++row) {
            float const slope = t.s.slope[t.warp][m][row][j][t.lane / 4];
            if (group == 0) of_bias += slope;
#pragma unroll
            for (int i = 0; i < 8; ++i) dw[i] += slope * F::value(acc[m][group * 4 + i / 2][2 * row + i % 2]);
          }
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          float const sum = over_pixels(dw[i]);
          if (t.lane < 4) mine[j * Parts::width + t.channel(group) + i] = sum;
        }
      }
      of_bias = over_pixels(of_bias);  // every lane of a quad reads the same slopes
      if (t.lane == 0) mine[Classes * Parts::width + j] = of_bias;
    }
    __syncthreads();
    for (int i = threadIdx.x; i < Parts::sums; i += Kernel::threads) {
      float sum = 0;
#pragma unroll
      for (int w = 0; w < Parts::warps; ++w) sum += t.s.sum[w][i];
      sums[static_cast<std::int64_t>(number) * Parts::sums + i] = sum;
    }
    __syncthreads();
  }
  __device__ static float over_pixels(float v) {
#pragma unroll
    for (int step = 4; step < 32; step *= 2) v += __shfl_xor_sync(~0u, v, step);
    return v;
  }
};

}  // namespace oxbow::on_cuda
