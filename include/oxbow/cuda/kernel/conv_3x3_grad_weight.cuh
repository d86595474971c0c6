// The weight and bias gradient of a 3×3 convolution of stride 1.
#pragma once
#include <oxbow/cuda/arch/copy_async.cuh>
#include <oxbow/cuda/arch/matrix.cuh>
#include <oxbow/cuda/arch/thread.cuh>
#include <oxbow/cuda/kernel/grad_sums.cuh>
#include <oxbow/cuda/kernel/shared_sums.cuh>
#include <oxbow/cuda/kernel/squares.cuh>
#include <oxbow/cuda/tile/layout.cuh>
#include <oxbow/cuda/tune/grad_tile.hpp>

namespace oxbow::on_cuda {

/// dw[k][c][dy][dx] = Σ over pixels of dy[k](y, x) · x[c](y + dy − pad, x + dx − pad), and db[k] = Σ dy[k](y, x).
///
/// A block owns 32 input channels, 64 outputs and all nine taps, and sums over its share of the patches of rows × 8
/// pixels; a warp owns one dx, all dy and 32 of the outputs: 96 sums per thread. The reduction runs over pixels, so
/// both operands come from pixel-major shared memory by transposing ldmatrix. 16 pixels of a step are two rows of 8;
/// of the pairs of input rows u, v tap 0 multiplies u, tap 2 v, and tap 1 the pair in the middle, loaded by itself.
/// Where few blocks share a tile the last of them adds their sums and writes the gradient; else they are left for
/// finish_gradients: the last block would be busy with them when all others have gone home.
/// The bias costs a product with ones per 16 pixels × 16 outputs, which the blocks that read the same dy share.
/// The shape is an argument: one instantiation per tile and element.
///
/// cost    18 · height · width · inputs · outputs operations; reads x and dy once per tile of the other's channels
template <grad_tile Tile, class T> struct conv_3x3_grad_weight {
  static constexpr int threads = grad_tile::threads, resident = Tile.blocks_per_sm;
  static constexpr int channels = grad_tile::inputs, outputs = grad_tile::outputs;
  static constexpr int x_pixels = (Tile.rows + 2) * 10, g_pixels = Tile.rows * 8;
  static constexpr int element = static_cast<int>(sizeof(T)), each = 16 / element;  // channels of a plane, see halo.cuh
  static constexpr int x_planes = channels / each, g_planes = outputs / each;
  static constexpr int x_plane = x_pixels * 16, g_plane = g_pixels * 16 + grad_tile::gap(element);
  static constexpr int x_bytes = x_planes * x_plane, stage_bytes = Tile.stage_bytes(element);
  static constexpr int x_rounds = tune::ceil_div(tune::ceil_div(x_pixels, 8) * 8 * x_planes, threads);
  static constexpr int g_rounds = tune::ceil_div(g_pixels * g_planes, threads);
  static_assert(Tile.rows % 2 == 0, "conv_3x3_grad_weight: a step is a pair of rows. Take an even number of rows.");

  // A gradient on its way to memory: 16 outputs at a time, (output, input · 9 + tap). With this pitch the lanes of a
  // warp meet in no bank.
  static constexpr int slice = 16, run_floats = channels * 9, pitch = run_floats + 4;
  using adding = shared_sums<threads, 6, 4>;
  using measure = squares<threads>;

  struct storage {
    union {
      alignas(128) unsigned char stage[Tile.stages][stage_bytes];
      float gradient[slice][pitch];
      typename measure::storage temporary;
    };
    unsigned flag;
  };
  struct args {
    conv_shape shape;  ///< its inputs counted in channels
    source<T const> first, second;
    view<T const> gradient;
    grad_sums sums;    ///< bias sums: (splits · chunks, outputs rounded up to 8)
    int splits;
    grad_target to;    ///< who writes the gradient of the weights
  };
  /// Slots and counters for blocks that write the gradient themselves.
  static std::int64_t slot_floats(conv_shape const& s, int splits) {
    return splits > 1 ? std::int64_t{tune::grad_tiles(s)} * splits * adding::slot_floats : 0;
  }
  static int blocks(args const& a) { return tune::grad_tiles(a.shape) * a.splits; }
  static grad_sums sums_of(conv_shape const& s, float* weight, float* bias) {
    return {weight, bias, s.chunks() * channels, tune::ceil_div(s.outputs, outputs) * outputs, 9};
  }

  /// What a block owns.
  struct share {
    int tile, split, chunks, chunk;
    bool in_first;              // the first of the two inputs
    int channel, channels;      // of that input: the first one of the block, and how many there are from it on
    int k0;                     // output
  };
  __device__ static share share_of(args const& a, int block) {
    conv_shape const& s = a.shape;
    int const first_chunks = (s.first + channels - 1) / channels, tiles_k = (s.outputs + outputs - 1) / outputs;
    share r;
    r.tile = block / a.splits, r.split = block % a.splits, r.chunk = r.tile / tiles_k;
    r.chunks = first_chunks + (s.second + channels - 1) / channels;
    r.in_first = r.chunk < first_chunks;
    r.channel = (r.in_first ? r.chunk : r.chunk - first_chunks) * channels;
    r.channels = (r.in_first ? s.first : s.second) - r.channel;
    r.k0 = r.tile % tiles_k * outputs;
    return r;
  }

  struct job {
    source<T const> x;
    int channel, channels, k0;  // of the share
  };
  /// A patch, and the way from one to the next: counted, because a division takes as long as twenty products.
  struct patch_walk {
    int y, x, patches_x;
    __device__ patch_walk(int patch, int all_x) : y{patch / all_x}, x{patch % all_x}, patches_x{all_x} {}
    __device__ void advance() {
      if (++x == patches_x) x = 0, ++y;
    }
  };

  __device__ static void load(std::uint32_t stage, args const& a, job const& j, patch_walk const& at) {
    if (a.shape.edge == beyond::mirror) load_patch<true>(stage, a, j, at);
    else load_patch<false>(stage, a, j, at);
  }
  // Unsigned numbers and conditions that are all evaluated: no branches, and no corrections of quotients.
  template <bool Mirror>
  __device__ static void load_patch(std::uint32_t stage, args const& a, job const& j, patch_walk const& at) {
    int const y0 = at.y * Tile.rows, x0 = at.x * 8;
    auto const thread = static_cast<unsigned>(ptx::thread_index());
#pragma unroll
    for (unsigned round = 0; round < x_rounds; ++round) {
      unsigned const i = round * threads + thread, p = i / (8 * x_planes) * 8 + i % 8, piece = i / 8 % x_planes;
      int y = y0 + static_cast<int>(p / 10) - a.shape.pad + j.x.shift_y;
      int x = x0 + static_cast<int>(p % 10) - a.shape.pad + j.x.shift_x;
      if constexpr (Mirror) {
        y = y < 0 ? -y : y >= j.x.height ? 2 * j.x.height - 2 - y : y;
        x = x < 0 ? -x : x >= j.x.width ? 2 * j.x.width - 2 - x : x;
      }
      bool const inside = (static_cast<unsigned>(y) < static_cast<unsigned>(j.x.height)) &
                          (static_cast<unsigned>(x) < static_cast<unsigned>(j.x.width)) &
                          (static_cast<int>(piece) * each < j.channels);
      unsigned const from = static_cast<unsigned>(y) * static_cast<unsigned>(j.x.data.row) +
                            static_cast<unsigned>(x) * static_cast<unsigned>(j.x.data.pixel) +
                            static_cast<unsigned>(j.channel) + piece * each;
      ptx::copy_async_if(p < x_pixels, stage + piece * x_plane + p * 16, j.x.data.data + (inside ? from : 0u), inside);
    }
#pragma unroll
    for (unsigned round = 0; round < g_rounds; ++round) {
      unsigned const i = round * threads + thread, p = i / (8 * g_planes) * 8 + i % 8, piece = i / 8 % g_planes;
      int const y = y0 + static_cast<int>(p / 8), x = x0 + static_cast<int>(p % 8);
      int const k = j.k0 + static_cast<int>(piece) * each;
      bool const inside = (y < a.shape.height) & (x < a.shape.width) & (k < a.shape.outputs);
      unsigned const from = static_cast<unsigned>(y) * static_cast<unsigned>(a.gradient.row) +
                            static_cast<unsigned>(x) * static_cast<unsigned>(a.gradient.pixel) +
                            static_cast<unsigned>(k);
      ptx::copy_async_if(p < g_pixels, stage + x_bytes + piece * g_plane + p * 16,
                         a.gradient.data + (inside ? from : 0u), inside);
    }
  }

  using accumulators = float[6][4][4];     // (dy · 16 channels, 8 outputs)
  using bias_accumulators = float[4];      // (16 outputs, 8 times the same): the first 16 for dx = 0, the others for 1
  template <bool Bias>
  __device__ static void multiply_patch(accumulators& acc, bias_accumulators& bias, int dx, std::uint32_t x,
                                        std::uint32_t g) {
    std::uint32_t pair[2][2][4];  // (pair of rows, 16 channels): row 0 low, row 0 high, row 1 low, row 1 high channels
    auto const fetch = [&](int j) {
#pragma unroll
      for (int m = 0; m < 2; ++m)
        ptx::load_matrices_transposed(pair[j & 1][m], x + static_cast<unsigned>(2 * j * 10 * 16 + m * 2 * x_plane));
    };
    fetch(0);
#pragma unroll
    for (int j = 0; j < Tile.rows / 2; ++j) {
      fetch(j + 1);
      std::uint32_t b[2][4];
#pragma unroll
      for (int n = 0; n < 2; ++n)
        ptx::load_matrices_transposed(b[n], g + static_cast<unsigned>(2 * j * 8 * 16 + n * 2 * g_plane));
      // tap 1 begins in the middle of a pair: loaded once more, because a product takes four registers in a row
      std::uint32_t middle[2][4];
#pragma unroll
      for (int m = 0; m < 2; ++m)
        ptx::load_matrices_transposed(middle[m], x + static_cast<unsigned>((2 * j + 1) * 10 * 16 + m * 2 * x_plane));
#pragma unroll
      for (int dy = 0; dy < 3; ++dy)
#pragma unroll
        for (int m = 0; m < 2; ++m) {
          auto const& u = dy == 0 ? pair[j & 1][m] : dy == 1 ? middle[m] : pair[(j + 1) & 1][m];
#pragma unroll
          for (int n = 0; n < 4; ++n) {
            std::uint32_t const b0 = b[n / 2][n % 2 * 2], b1 = b[n / 2][n % 2 * 2 + 1];
            ptx::multiply(acc[dy * 2 + m][n], T{}, u[0], u[1], u[2], u[3], b0, b1);
          }
        }
      if constexpr (Bias) {
        // what is a column of the right operand is a row of the left one: the same registers, in another order
        if (dx == 0) ptx::multiply(bias, T{}, b[0][0], b[0][2], b[0][1], b[0][3], ones<T>, ones<T>);
        if (dx == 1) ptx::multiply(bias, T{}, b[1][0], b[1][2], b[1][1], b[1][3], ones<T>, ones<T>);
      }
    }
  }

  /// The same of 32-bit numbers, which no instruction loads transposed: a step is a row of 8 pixels, and a lane reads
  /// its numbers one by one. With these planes the lanes of a warp meet in no bank where rows is a multiple of 4.
  template <bool Bias>
  __device__ static void multiply_patch_32(accumulators& acc, bias_accumulators& bias, int dx, unsigned char const* x,
                                           unsigned char const* g) {
    auto const word = [](unsigned char const* at) { return *reinterpret_cast<std::uint32_t const*>(at); };
    std::uint32_t rows[3][2][4];  // (row, 16 channels): low channels, high ones, then the same four pixels further on
    auto const fetch = [&](int row) {
#pragma unroll
      for (int m = 0; m < 2; ++m)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          rows[row % 3][m][i] = word(x + (m * 4 + i % 2 * 2) * x_plane + (row * 10 + i / 2 * 4) * 16);
    };
    fetch(0);
    fetch(1);
#pragma unroll
    for (int row = 0; row < Tile.rows; ++row) {
      fetch(row + 2);
      std::uint32_t b[4][2];
#pragma unroll
      for (int n = 0; n < 4; ++n)
#pragma unroll
        for (int i = 0; i < 2; ++i) b[n][i] = word(g + n * 2 * g_plane + (row * 8 + i * 4) * 16);
#pragma unroll
      for (int dy = 0; dy < 3; ++dy)
#pragma unroll
        for (int m = 0; m < 2; ++m) {
          auto const& u = rows[(row + dy) % 3][m];
#pragma unroll
          for (int n = 0; n < 4; ++n) ptx::multiply(acc[dy * 2 + m][n], T{}, u[0], u[1], u[2], u[3], b[n][0], b[n][1]);
        }
      if constexpr (Bias) {
        if (dx == 0) ptx::multiply(bias, T{}, b[0][0], b[1][0], b[0][1], b[1][1], ones<T>, ones<T>);
        if (dx == 1) ptx::multiply(bias, T{}, b[2][0], b[3][0], b[2][1], b[3][1], ones<T>, ones<T>);
      }
    }
  }

  __device__ static void run(args const& a, storage& memory) {
    conv_shape const& s = a.shape;
    std::uint32_t const smem = ptx::shared_address(memory.stage[0]);
    share const mine = share_of(a, blockIdx.x);
    job j;
    j.x.data.data = mine.in_first ? a.first.data.data : a.second.data.data;
    j.x.data.pixel = mine.in_first ? a.first.data.pixel : a.second.data.pixel;
    j.x.data.row = mine.in_first ? a.first.data.row : a.second.data.row;
    j.x.height = mine.in_first ? a.first.height : a.second.height;
    j.x.width = mine.in_first ? a.first.width : a.second.width;
    j.x.shift_y = mine.in_first ? a.first.shift_y : a.second.shift_y;
    j.x.shift_x = mine.in_first ? a.first.shift_x : a.second.shift_x;
    j.channel = mine.channel, j.channels = mine.channels, j.k0 = mine.k0;
    int const patches_x = (s.width + 7) / 8;
    int const patches = (s.height + Tile.rows - 1) / Tile.rows * patches_x;
    int const from = static_cast<int>(static_cast<long long>(mine.split) * patches / a.splits);
    int const to = static_cast<int>(static_cast<long long>(mine.split + 1) * patches / a.splits);

    int const lane = threadIdx.x % 32, warp = threadIdx.x / 32, dx = warp % 3, half = warp / 3;
    // matrices of x: row 0 low, row 0 high, row 1 low, row 1 high channels; of g: rows 0 and 1 low, rows 0 and 1 high
    std::uint32_t const x_at = static_cast<unsigned>((lane / 16 * 10 + lane % 8 + dx) * 16 + lane / 8 % 2 * x_plane);
    std::uint32_t const g_at = static_cast<unsigned>(x_bytes + (lane / 8 % 2 * 8 + lane % 8) * 16 +
                                                     lane / 16 * g_plane + half * 4 * g_plane);
    accumulators acc = {};
    bias_accumulators bias = {};
    patch_walk ahead{from, patches_x};
#pragma unroll 1
    for (int i = 0; i < Tile.stages - 1; ++i) {
      if (from + i < to) load(smem + i * stage_bytes, a, j, ahead);
      ahead.advance();
      ptx::commit_copies();
    }
    // the blocks that read the same gradient sum it up for the bias in turn
    int until_bias = (mine.chunk + mine.chunks - from % mine.chunks) % mine.chunks;
    int read = 0, write = Tile.stages - 1;
#pragma unroll 1
    for (int patch = from; patch < to; ++patch) {
      ptx::wait_for_copies<Tile.stages - 2>();
      __syncthreads();
      if (patch + Tile.stages - 1 < to) load(smem + write * stage_bytes, a, j, ahead);
      ahead.advance();
      ptx::commit_copies();
      bool const with_bias = a.sums.bias && until_bias == 0;
      until_bias = (until_bias == 0 ? mine.chunks : until_bias) - 1;
      if constexpr (element == 4) {
        unsigned char const* const stage = memory.stage[read];
        unsigned char const* const x = stage + lane / 16 * x_plane + (lane % 4 + dx) * 16 + lane / 4 % 4 * 4;
        unsigned char const* const g =
            stage + x_bytes + (half * 8 + lane / 16) * g_plane + lane % 4 * 16 + lane / 4 % 4 * 4;
        if (with_bias) multiply_patch_32<true>(acc, bias, dx, x, g);
        else multiply_patch_32<false>(acc, bias, dx, x, g);
      } else {
        std::uint32_t const stage = smem + read * stage_bytes;
        if (with_bias) multiply_patch<true>(acc, bias, dx, stage + x_at, stage + g_at);
        else multiply_patch<false>(acc, bias, dx, stage + x_at, stage + g_at);
      }
      read = read + 1 == Tile.stages ? 0 : read + 1;
      write = write + 1 == Tile.stages ? 0 : write + 1;
    }
    // what follows is computed anew: kept through the loop it would be more than the registers hold
    finish(acc, bias, a, share_of(a, ptx::block_index()), memory);
  }

  __device__ static void finish(accumulators& acc, bias_accumulators const& bias, args const& a, share const& mine,
                                storage& memory) {
    int const warp = ptx::thread_index() / 32, dx = warp % 3, half = warp / 3;
    if (a.sums.bias && dx < 2) {
      int const width = (a.shape.outputs + 7) & ~7;
      store_bias_sums(bias, a.sums.bias + static_cast<std::int64_t>(mine.split * mine.chunks + mine.chunk) * width,
                      mine.k0 + half * 32 + dx * 16, width);
    }
    if (a.to.weight) {
      auto const slot = [&](int b) {
        return reinterpret_cast<float4*>(a.to.slots) +
               (static_cast<std::int64_t>(mine.tile) * a.splits + b) * (adding::slot_floats / 4);
      };
      if (a.splits == 1 || adding::last_to_arrive(acc, slot, 0, a.splits - 1, mine.split, a.to.arrived + mine.tile,
                                                  memory.flag))
        write_gradient(acc, a, memory);
      return;
    }
#pragma unroll
    for (int dy = 0; dy < 3; ++dy)
#pragma unroll
      for (int m = 0; m < 2; ++m)
#pragma unroll
        for (int n = 0; n < 4; ++n)
          a.sums.store(acc[dy * 2 + m][n], mine.split, dy * 3 + dx, mine.chunk * channels + m * 16,
                       mine.k0 + half * 32 + n * 8);
  }

  /// The sums of a tile → the gradient, (output, input, tap): runs of up to 288 floats.
  __device__ static void write_gradient(accumulators const& acc, args const& a, storage& memory) {
    share const mine = share_of(a, ptx::block_index());  // anew, as in run()
    int const thread = ptx::thread_index(), lane = thread % 32, dx = thread / 32 % 3, half = thread / 96;
    int const inputs = a.shape.first + a.shape.second;
    int const input = (mine.in_first ? 0 : a.shape.first) + mine.channel, floats = min(channels, mine.channels) * 9;
    bool const add = a.to.run->accumulate;
    float const unscale = 1.f / a.to.run->loss_scale();
    double written = 0;
#pragma unroll
    for (int part = 0; part < outputs / slice; ++part) {
      __syncthreads();  // nobody reads the stages any more, or the slice before
      if (half == part / 2)
#pragma unroll
        for (int dy = 0; dy < 3; ++dy)
#pragma unroll
          for (int m = 0; m < 2; ++m)
#pragma unroll
            for (int n = 0; n < 2; ++n)
#pragma unroll
              for (int i = 0; i < 4; ++i)
                memory.gradient[n * 8 + lane % 4 * 2 + i % 2][(m * 16 + i / 2 * 8 + lane / 4) * 9 + dy * 3 + dx] =
                    acc[dy * 2 + m][part % 2 * 2 + n][i];
      __syncthreads();
      for (int i = thread; i < slice * run_floats; i += threads) {
        int const o = i / run_floats, e = i - o * run_floats, k = mine.k0 + part * slice + o;
        if (e < floats && k < a.shape.outputs)
          written += measure::of(
              run_scalars::add_gradient(a.to.weight[(static_cast<std::int64_t>(k) * inputs + input) * 9 + e],
                                        memory.gradient[o][e], add, unscale));
      }
    }
    __syncthreads();
    measure::leave(written, a.to.squares + mine.tile, memory.temporary);
  }
};

}  // namespace oxbow::on_cuda
