// Convolutions with any window, stride and dilation, 1×1 ones and up-convolutions among them, and their data gradients.
#pragma once
#include <oxbow/cuda/arch/copy_async.cuh>
#include <oxbow/cuda/arch/matrix.cuh>
#include <oxbow/cuda/kernel/sinks.cuh>
#include <oxbow/cuda/tile/packing.hpp>
#include <oxbow/cuda/tune/window_tile.hpp>

namespace oxbow::on_cuda {

/// y = sink(product), see window_shape. The shape is an argument: one instantiation per tile, element and sink.
///
/// A block owns `pixels` neighbouring output pixels, counted row by row so that no tile is wasted at the right edge,
/// and `columns` columns. A stage in shared memory is one tap of one chunk: planes of one octet per pixel, gathered
/// from wherever the tap falls, and the packed weights. A pixel is thus read once per tap, from L2: right for strides,
/// dilations and single taps; 3×3 windows of stride 1 are better off with conv_3x3.
///
/// cost    2 · height · width · taps · (first + second) · columns operations
template <window_tile Tile, class T, class Sink> struct conv_window {
  static constexpr int threads = Tile.threads(), resident = Tile.blocks_per_sm, chunk = Tile.chunk, steps = chunk / 16;
  static constexpr int pixels = Tile.pixels(), columns = Tile.columns(), pieces = chunk / 8, n_tiles = Tile.octets;
  static constexpr int plane = pixels * 16, a_bytes = pieces * plane, b_bytes = chunk * columns * 2;
  static constexpr int a_rounds = pixels * pieces / threads, b_rounds = b_bytes / 16 / threads;
  static_assert(Tile.octets % 4 == 0, "conv_window: a thread ends with 8 neighbouring columns of 32. Take a multiple "
                                      "of 4 octets.");
  static_assert(chunk % 16 == 0 && pixels * pieces % threads == 0 && b_bytes / 16 % threads == 0,
                "conv_window: the threads share a stage evenly.");

  struct storage {
    alignas(128) unsigned char stage[Tile.stages][a_bytes + b_bytes];
  };
  struct args {
    window_shape shape;
    source<T const> first, second;
    uint4 const* weights;  ///< packed, with tiles of `columns` and these chunks
    Sink sink;
  };
  static int blocks(args const& a) { return tune::blocks(a.shape, Tile); }

  /// The output pixels whose inputs this thread copies: y in the upper half, x in the lower; −1 beyond the last.
  using slots = int[a_rounds];

  /// The stages in their order: chunks of channels, of each the taps column by column.
  struct stage_walk {
    int q = 0, ty = 0, tx = 0;
    __device__ void advance(window_shape const& s) {
      if (++ty < s.taps_y) return;
      ty = 0;
      if (++tx < s.taps_x) return;
      tx = 0, ++q;
    }
  };

  /// Plain: neither spread nor mirrored, so that a coordinate is a sum and no branch is needed.
  template <bool Plain>
  __device__ static int coordinate(int v, int spread, int shift, int size, bool mirror, bool& inside) {
    if constexpr (!Plain) {
      if (spread > 1) {
        inside = inside && v >= 0 && v % spread == 0;
        v /= spread;
      }
      v += shift;
      if (mirror) v = v < 0 ? -v : v >= size ? 2 * size - 2 - v : v;
    } else {
      v += shift;
    }
    inside &= static_cast<unsigned>(v) < static_cast<unsigned>(size);
    return v;
  }
  __device__ static void load(std::uint32_t stage, args const& a, slots const& mine, int tile_n, int i, int total,
                              stage_walk const& walk) {
    window_shape const& s = a.shape;
    if (s.spread_y == 1 && s.spread_x == 1 && !s.mirror) load_pixels<true>(stage, a, mine, walk);
    else load_pixels<false>(stage, a, mine, walk);
    uint4 const* const from = a.weights + (static_cast<long long>(tile_n) * total + i) * (b_bytes / 16) + threadIdx.x;
#pragma unroll
    for (int r = 0; r < b_rounds; ++r)
      ptx::copy_async(stage + static_cast<unsigned>(a_bytes + (r * threads + threadIdx.x) * 16), from + r * threads);
  }
  template <bool Plain>
  __device__ static void load_pixels(std::uint32_t stage, args const& a, slots const& mine, stage_walk const& walk) {
    window_shape const& s = a.shape;
    int const first_chunks = (s.first + chunk - 1) / chunk;
    bool const in_first = walk.q < first_chunks;
    int const pixel = in_first ? a.first.data.pixel : a.second.data.pixel;
    int const row = in_first ? a.first.data.row : a.second.data.row;
    int const height = in_first ? a.first.height : a.second.height, width = in_first ? a.first.width : a.second.width;
    int const shift_y = in_first ? a.first.shift_y : a.second.shift_y;
    int const shift_x = in_first ? a.first.shift_x : a.second.shift_x;
    T const* const data = in_first ? a.first.data.data : a.second.data.data;
    int const thread = threadIdx.x, piece = thread / 8 % pieces;
    int const channel = (in_first ? walk.q : walk.q - first_chunks) * chunk + piece * 8;
    bool const real = channel < (in_first ? s.first : s.second);
    int const left = walk.tx * s.dilation_x - s.pad_x, top = walk.ty * s.dilation_y - s.pad_y;
#pragma unroll
    for (int r = 0; r < a_rounds; ++r) {
      int const item = r * threads + thread, p = item / (8 * pieces) * 8 + item % 8;
      bool inside = real & (mine[r] >= 0);
      int const v = (mine[r] >> 16) * s.stride_y + top, u = (mine[r] & 0xffff) * s.stride_x + left;
      int const y = coordinate<Plain>(v, s.spread_y, shift_y, height, s.mirror, inside);
      int const x = coordinate<Plain>(u, s.spread_x, shift_x, width, s.mirror, inside);
      unsigned const from = static_cast<unsigned>(y) * static_cast<unsigned>(row) +
                            static_cast<unsigned>(x) * static_cast<unsigned>(pixel) +
                            static_cast<unsigned>(channel) * 2 / static_cast<unsigned>(sizeof(T));
      ptx::copy_async(stage + static_cast<unsigned>(piece * plane + p * 16), data + (inside ? from : 0u), inside);
    }
  }

  __device__ static void run(args const& a, storage& memory) {
    window_shape const& s = a.shape;
    std::uint32_t const smem = ptx::shared_address(memory.stage[0]);
    constexpr unsigned stage_bytes = a_bytes + b_bytes;
    int const tiles_n = (s.outputs * s.phases_y * s.phases_x + columns - 1) / columns;
    int const tile_n = static_cast<int>(blockIdx.x) % tiles_n, m0 = static_cast<int>(blockIdx.x) / tiles_n * pixels;
    int const lane = threadIdx.x % 32, warp = threadIdx.x / 32, wn = warp % Tile.warps_n, wm = warp / Tile.warps_n;
    int const total = ((s.first + chunk - 1) / chunk + (s.second + chunk - 1) / chunk) * s.taps_y * s.taps_x;
    slots mine;
#pragma unroll
    for (int r = 0; r < a_rounds; ++r) {
      int const item = r * threads + static_cast<int>(threadIdx.x), p = m0 + item / (8 * pieces) * 8 + item % 8;
      mine[r] = p < s.height * s.width ? p / s.width << 16 | p % s.width : -1;
    }
    std::uint32_t const a_at = static_cast<unsigned>((wm * Tile.m_tiles * 16 + lane % 16) * 16 + lane / 16 * plane);
    std::uint32_t const b_at = static_cast<unsigned>(a_bytes + wn * (n_tiles / 2) * 512 + lane * 16);
    float acc[Tile.m_tiles][n_tiles][4] = {};  // (16 pixels, 8 columns)
    stage_walk next;
#pragma unroll
    for (int i = 0; i < Tile.stages - 1; ++i) {
      if (i < total) load(smem + i * stage_bytes, a, mine, tile_n, i, total, next);
      next.advance(s);
      ptx::commit_copies();
    }
    int read = 0, write = Tile.stages - 1;
#pragma unroll 1
    for (int i = 0; i < total; ++i) {
      ptx::wait_for_copies<Tile.stages - 2>();
      __syncthreads();
      int const ahead = i + Tile.stages - 1;
      if (ahead < total) load(smem + write * stage_bytes, a, mine, tile_n, ahead, total, next);
      next.advance(s);
      ptx::commit_copies();
      std::uint32_t const stage = smem + read * stage_bytes;
#pragma unroll
      for (int step = 0; step < steps; ++step) {
        std::uint32_t u[Tile.m_tiles][4];
#pragma unroll
        for (int m = 0; m < Tile.m_tiles; ++m) ptx::load_matrices(u[m], stage + a_at + m * 256 + step * 2 * plane);
#pragma unroll
        for (int n = 0; n < n_tiles / 2; ++n) {
          std::uint32_t b[4];
          ptx::load_shared(b, stage + b_at + (step * (columns / 16) + n) * 512);
#pragma unroll
          for (int m = 0; m < Tile.m_tiles; ++m) {
            ptx::multiply(acc[m][2 * n], T{}, u[m][0], u[m][1], u[m][2], u[m][3], b[0], b[1]);
            ptx::multiply(acc[m][2 * n + 1], T{}, u[m][0], u[m][1], u[m][2], u[m][3], b[2], b[3]);
          }
        }
      }
      read = read + 1 == Tile.stages ? 0 : read + 1;
      write = write + 1 == Tile.stages ? 0 : write + 1;
    }
    ptx::wait_for_copies<0>();

    int const first_pixel = m0 + wm * Tile.m_tiles * 16 + lane / 4;
#pragma unroll
    for (int group = 0; group < n_tiles / 4; ++group) {
      int const column = tile_n * columns + wn * n_tiles * 8 + group * 32 + lane % 4 * 8;
      int const phase = column / s.outputs, k = column - phase * s.outputs;
      int const py = phase / s.phases_x, px = phase - py * s.phases_x;
      bool const real = phase < s.phases_y * s.phases_x;
      auto const channels = a.sink.at(real ? k : 0);
      spot spots[2 * Tile.m_tiles];
      int y = first_pixel / s.width, x = first_pixel - y * s.width;
#pragma unroll
      for (spot& p : spots) {
        p = {y * s.phases_y + py, x * s.phases_x + px, real && y < s.height};
        x += 8;
        while (x >= s.width) x -= s.width, ++y;
      }
      finish_pixels<2 * Tile.m_tiles>(channels, [&](int i) { return spots[i]; },
                                      [&](octet& v, int i) {
#pragma unroll
                                        for (int n = 0; n < 4; ++n) {
                                          auto const& c = acc[i / 2][group * 4 + n];
                                          v[2 * n] = c[i % 2 * 2], v[2 * n + 1] = c[i % 2 * 2 + 1];
                                        }
                                      });
    }
  }
};

}  // namespace oxbow::on_cuda
