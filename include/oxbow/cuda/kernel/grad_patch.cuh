// A patch of pixels of a 3×3 weight gradient: from memory to shared memory, and its products.
#pragma once
#include <oxbow/cuda/arch/copy_async.cuh>
#include <oxbow/cuda/arch/matrix.cuh>
#include <oxbow/cuda/arch/thread.cuh>
#include <oxbow/cuda/kernel/bias_sums.cuh>
#include <oxbow/cuda/tile/layout.cuh>
#include <oxbow/cuda/tune/grad_tile.hpp>

namespace oxbow::on_cuda {

/// What a thread adds up, whatever the patch: fragments of 24 products for the weights, (dy · 16 inputs, 8 outputs),
/// and of one for the bias: 16 outputs, 8 times the same; a warp's first 16 where dx is 0, the others where it is 1.
struct grad_fragments {
  static constexpr int count = 25, bias = 24;
  using type = float[count][1][4];
  static constexpr __host__ __device__ int of(int dy, int m, int n) { return (dy * 2 + m) * 4 + n; }
};

/// What is read for a tile of weights, in shared memory for want of registers: of x, and of the gradient.
template <class T> struct grad_part {
  struct operand {
    view<T const> data;         ///< begins at the tile's first channel
    int height, width;          ///< of the box
    int channels;               ///< that there are from the first on; may be more than the tile's
    int shift_y, shift_x;       ///< where the patch of pixel (0, 0) begins in it
  };
  operand x, gradient;
  bool mirrored;                ///< x, where the window leaves the box; else zero
};

/// Rows × 8 pixels of dy, and of x with a pixel around them, for 32 inputs and 64 outputs. A warp owns one dx, all dy
/// and 32 of the outputs: 96 sums per thread, and four for the bias. The reduction runs over pixels, so both operands
/// come from pixel-major shared memory by transposing ldmatrix. 16 pixels of a step are two rows of 8; of the pairs of
/// input rows u, v tap 0 multiplies u, tap 2 v, and tap 1 the pair in the middle, loaded by itself.
template <grad_tile Tile, class T> struct grad_patch {
  static constexpr int threads = grad_tile::threads, inputs = grad_tile::inputs, outputs = grad_tile::outputs;
  static constexpr int x_pixels = (Tile.rows + 2) * 10, g_pixels = Tile.rows * 8;
  static constexpr int element = static_cast<int>(sizeof(T)), each = 16 / element;  // channels of a plane, see halo.cuh
  static constexpr int x_planes = inputs / each, g_planes = outputs / each;
  static constexpr int x_plane = x_pixels * 16, g_plane = g_pixels * 16 + grad_tile::gap(element);
  static constexpr int x_bytes = x_planes * x_plane, bytes = Tile.stage_bytes(element);
  static_assert(Tile.rows % 2 == 0, "conv_3x3_grad_weight: a step is a pair of rows. Take an even number of rows.");

  /// Where a patch lies, and the way to the next: counted, because a division takes as long as twenty products.
  struct place {
    int y, x;
    __device__ place(int patch, int all_x) : y{patch / all_x}, x{patch % all_x} {}
    __device__ void advance(int all_x) {
      if (++x == all_x) x = 0, ++y;
    }
  };
  __device__ static int patches_x(grad_part<T> const& part) { return (part.gradient.width + 7) / 8; }

  __device__ static void load(std::uint32_t stage, grad_part<T> const& from, place const& at) {
    if (from.mirrored) load_patch<true>(stage, from, at);
    else load_patch<false>(stage, from, at);
  }

  /// Where a lane reads in a stage.
  struct lane_place { std::uint32_t x, g; };
  __device__ static lane_place my_place() {
    int const lane = threadIdx.x % 32, warp = threadIdx.x / 32, dx = warp % 3, half = warp / 3;
    if constexpr (element == 4)
      return {static_cast<unsigned>(lane / 16 * x_plane + (lane % 4 + dx) * 16 + lane / 4 % 4 * 4),
              static_cast<unsigned>(x_bytes + (half * 8 + lane / 16) * g_plane + lane % 4 * 16 + lane / 4 % 4 * 4)};
    // matrices of x: row 0 low, row 0 high, row 1 low, row 1 high channels; of g: rows 0 and 1 low, rows 0 and 1 high
    return {static_cast<unsigned>((lane / 16 * 10 + lane % 8 + dx) * 16 + lane / 8 % 2 * x_plane),
            static_cast<unsigned>(x_bytes + (lane / 8 % 2 * 8 + lane % 8) * 16 + lane / 16 * g_plane +
                                  half * 4 * g_plane)};
  }
  /// Adds a patch's products. Bias: and those with ones.
  template <bool Bias>
  __device__ static void multiply(grad_fragments::type& acc, lane_place const& at, unsigned char const* stage) {
    if constexpr (element == 4) {
      multiply_32<Bias>(acc, stage + at.x, stage + at.g);
    } else {
      std::uint32_t const address = ptx::shared_address(stage);
      multiply_16<Bias>(acc, address + at.x, address + at.g);
    }
  }

 private:
  // Unsigned numbers and conditions that are all evaluated: no branches, and no corrections of quotients. Operands are
  // copied, because behind each copy to shared memory what lies there would be read again.
  template <bool Mirror>
  __device__ static void load_patch(std::uint32_t stage, grad_part<T> const& part, place const& at) {
    load_operand<Mirror, x_pixels, x_planes, 10>(stage, x_plane, part.x, at);
    load_operand<false, g_pixels, g_planes, 8>(stage + x_bytes, g_plane, part.gradient, at);
  }
  /// So many pixels, `Across` in a row, of so many planes.
  template <bool Mirror, int Pixels, int Planes, int Across>
  __device__ static void load_operand(std::uint32_t to, int plane, typename grad_part<T>::operand const o,
                                      place const& at) {
    constexpr int rounds = tune::ceil_div(tune::ceil_div(Pixels, 8) * 8 * Planes, threads);
    int const y0 = at.y * Tile.rows + o.shift_y, x0 = at.x * 8 + o.shift_x;
    auto const thread = static_cast<unsigned>(ptx::thread_index());
#pragma unroll
    for (unsigned round = 0; round < rounds; ++round) {
      unsigned const i = round * threads + thread, p = i / (8 * Planes) * 8 + i % 8, piece = i / 8 % Planes;
      int y = y0 + static_cast<int>(p / Across), x = x0 + static_cast<int>(p % Across);
      if constexpr (Mirror) {
        y = y < 0 ? -y : y >= o.height ? 2 * o.height - 2 - y : y;
        x = x < 0 ? -x : x >= o.width ? 2 * o.width - 2 - x : x;
      }
      bool const inside = (static_cast<unsigned>(y) < static_cast<unsigned>(o.height)) &
                          (static_cast<unsigned>(x) < static_cast<unsigned>(o.width)) &
                          (static_cast<int>(piece) * each < o.channels);
      unsigned const from = static_cast<unsigned>(y) * static_cast<unsigned>(o.data.row) +
                            static_cast<unsigned>(x) * static_cast<unsigned>(o.data.pixel) + piece * each;
      ptx::copy_async_if(p < Pixels, to + piece * static_cast<unsigned>(plane) + p * 16,
                         o.data.data + (inside ? from : 0u), inside);
    }
  }
  template <bool Bias>
  __device__ static void multiply_16(grad_fragments::type& acc, std::uint32_t x, std::uint32_t g) {
    int const dx = Bias ? ptx::thread_index() / 32 % 3 : 0;
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
            ptx::multiply(acc[grad_fragments::of(dy, m, n)][0], T{}, u[0], u[1], u[2], u[3], b0, b1);
          }
        }
      if constexpr (Bias) {
        // what is a column of the right operand is a row of the left one: the same registers, in another order
        auto& sums = acc[grad_fragments::bias][0];
        if (dx == 0) ptx::multiply(sums, T{}, b[0][0], b[0][2], b[0][1], b[0][3], ones<T>, ones<T>);
        if (dx == 1) ptx::multiply(sums, T{}, b[1][0], b[1][2], b[1][1], b[1][3], ones<T>, ones<T>);
      }
    }
  }

  /// The same of 32-bit numbers, which no instruction loads transposed: a step is a row of 8 pixels, and a lane reads
  /// its numbers one by one. With these planes the lanes of a warp meet in no bank where rows is a multiple of 4.
  template <bool Bias>
  __device__ static void multiply_32(grad_fragments::type& acc, unsigned char const* x, unsigned char const* g) {
    int const dx = Bias ? ptx::thread_index() / 32 % 3 : 0;
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
          for (int n = 0; n < 4; ++n)
            ptx::multiply(acc[grad_fragments::of(dy, m, n)][0], T{}, u[0], u[1], u[2], u[3], b[n][0], b[n][1]);
        }
      if constexpr (Bias) {
        auto& sums = acc[grad_fragments::bias][0];
        if (dx == 0) ptx::multiply(sums, T{}, b[0][0], b[1][0], b[0][1], b[1][1], ones<T>, ones<T>);
        if (dx == 1) ptx::multiply(sums, T{}, b[2][0], b[3][0], b[2][1], b[3][1], ones<T>, ones<T>);
      }
    }
  }
};

}  // namespace oxbow::on_cuda
