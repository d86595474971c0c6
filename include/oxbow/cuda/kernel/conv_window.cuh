// Convolutions with any window, stride and dilation, 1×1 ones and up-convolutions among them, and their data gradients.
#pragma once
#include <type_traits>

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
template <window_tile Tile, window_reads Reads, class T, class Sink> struct conv_window {
  static constexpr int threads = Tile.threads(), resident = Tile.blocks_per_sm, chunk = Tile.chunk, steps = chunk / 16;
  static constexpr int pixels = Tile.pixels(), columns = Tile.columns(), pieces = chunk / 8, n_tiles = Tile.octets;
  static constexpr int plane = pixels * 16, a_bytes = pieces * plane, b_bytes = chunk * columns * 2;
  static constexpr int a_rounds = pixels * pieces / threads, b_rounds = b_bytes / 16 / threads;
  static constexpr int octet_elements = 16 / static_cast<int>(sizeof(T));  // elements of 16 bytes
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

  // What a thread copies of a stage: in round r the octet `piece` of a pixel, so that eight threads fill 128 bytes of a
  // plane.
  __device__ static int piece() { return static_cast<int>(threadIdx.x) / 8 % pieces; }
  __device__ static int pixel_of(int r) {
    int const item = r * threads + static_cast<int>(threadIdx.x);
    return item / (8 * pieces) * 8 + item % 8;
  }

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

  /// Pixels of a dense source: where a thread's octets of the first stage lie, and all others as far from there as one
  /// number says. Pixels beyond the last are the last: what is made of them is not stored.
  struct dense_pixels {
    unsigned at[a_rounds];

    __device__ dense_pixels(args const& a, int m0) {
      window_shape const& s = a.shape;
#pragma unroll
      for (int r = 0; r < a_rounds; ++r) {
        int const p = min(m0 + pixel_of(r), s.height * s.width - 1), y = p / s.width, x = p - y * s.width;
        int const row = (y * s.stride_y + a.first.shift_y) * a.first.data.row;
        int const column = (x * s.stride_x + a.first.shift_x) * a.first.data.pixel;
        at[r] = static_cast<unsigned>(row + column + piece() * octet_elements);
      }
    }
    __device__ void load(std::uint32_t stage, args const& a, stage_walk const& walk, bool wanted) const {
      T const* const data = a.first.data.data + walk.ty * a.shape.dilation_y * a.first.data.row +
                            walk.tx * a.shape.dilation_x * a.first.data.pixel + walk.q * (pieces * octet_elements);
#pragma unroll
      for (int r = 0; r < a_rounds; ++r)
        ptx::copy_async_if(wanted, stage + static_cast<unsigned>(piece() * plane + pixel_of(r) * 16), data + at[r]);
    }
  };

  /// Pixels of any source, or two: y in the upper half, x in the lower; −1 beyond the last.
  struct any_pixels {
    int at[a_rounds];

    __device__ any_pixels(args const& a, int m0) {
      window_shape const& s = a.shape;
#pragma unroll
      for (int r = 0; r < a_rounds; ++r) {
        int const p = m0 + pixel_of(r);
        at[r] = p < s.height * s.width ? p / s.width << 16 | p % s.width : -1;
      }
    }
    __device__ void load(std::uint32_t stage, args const& a, stage_walk const& walk, bool wanted) const {
      window_shape const& s = a.shape;
      if (!wanted) return;
      if (s.spread_y == 1 && s.spread_x == 1 && !s.mirror) load<true>(stage, a, walk);
      else load<false>(stage, a, walk);
    }

   private:
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
    template <bool Plain>
    __device__ void load(std::uint32_t stage, args const& a, stage_walk const& walk) const {
      window_shape const& s = a.shape;
      int const first_chunks = (s.first + chunk - 1) / chunk;
      bool const in_first = walk.q < first_chunks;
      source<T const> const& from = in_first ? a.first : a.second;
      int const channel = (in_first ? walk.q : walk.q - first_chunks) * chunk + piece() * 8;
      bool const real = channel < (in_first ? s.first : s.second);
      int const left = walk.tx * s.dilation_x - s.pad_x, top = walk.ty * s.dilation_y - s.pad_y;
#pragma unroll
      for (int r = 0; r < a_rounds; ++r) {
        bool inside = real & (at[r] >= 0);
        int const v = (at[r] >> 16) * s.stride_y + top, u = (at[r] & 0xffff) * s.stride_x + left;
        int const y = coordinate<Plain>(v, s.spread_y, from.shift_y, from.height, s.mirror, inside);
        int const x = coordinate<Plain>(u, s.spread_x, from.shift_x, from.width, s.mirror, inside);
        unsigned const place = static_cast<unsigned>(y) * static_cast<unsigned>(from.data.row) +
                               static_cast<unsigned>(x) * static_cast<unsigned>(from.data.pixel) +
                               static_cast<unsigned>(channel / 8 * octet_elements);
        ptx::copy_async(stage + static_cast<unsigned>(piece() * plane + pixel_of(r) * 16),
                        from.data.data + (inside ? place : 0u), inside);
      }
    }
  };
  using pixels_read = std::conditional_t<Reads == window_reads::dense, dense_pixels, any_pixels>;

  __device__ static void run(args const& a, storage& memory) {
    window_shape const& s = a.shape;
    std::uint32_t const smem = ptx::shared_address(memory.stage[0]);
    constexpr unsigned stage_bytes = a_bytes + b_bytes;
    int const tiles_n = (s.outputs * s.phases_y * s.phases_x + columns - 1) / columns;
    int const tile_n = static_cast<int>(blockIdx.x) % tiles_n, m0 = static_cast<int>(blockIdx.x) / tiles_n * pixels;
    int const lane = threadIdx.x % 32, warp = threadIdx.x / 32, wn = warp % Tile.warps_n, wm = warp / Tile.warps_n;
    int const total = ((s.first + chunk - 1) / chunk + (s.second + chunk - 1) / chunk) * s.taps_y * s.taps_x;
    pixels_read const mine(a, m0);
    std::uint32_t const a_at = static_cast<unsigned>((wm * Tile.m_tiles * 16 + lane % 16) * 16 + lane / 16 * plane);
    std::uint32_t const b_at = static_cast<unsigned>(a_bytes + wn * (n_tiles / 2) * 512 + lane * 16);
    float acc[Tile.m_tiles][n_tiles][4] = {};  // (16 pixels, 8 columns)

    stage_walk next;
    uint4 const* weights = a.weights + static_cast<long long>(tile_n) * total * (b_bytes / 16) + threadIdx.x;
    auto const load_next = [&](std::uint32_t stage, bool wanted) {
      mine.load(stage, a, next, wanted);
#pragma unroll
      for (int r = 0; r < b_rounds; ++r)
        ptx::copy_async_if(wanted, stage + static_cast<unsigned>(a_bytes + (r * threads + threadIdx.x) * 16),
                           weights + r * threads);
      ptx::commit_copies();
      next.advance(s);
      weights += b_bytes / 16;
    };
#pragma unroll
    for (int i = 0; i < Tile.stages - 1; ++i) load_next(smem + i * stage_bytes, i < total);
    int read = 0, write = Tile.stages - 1;
#pragma unroll 1
    for (int i = 0; i < total; ++i) {
      ptx::wait_for_copies<Tile.stages - 2>();
      __syncthreads();
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
          // what is fetched for later, where there are products to hide it behind
          if (step == 0 && n == 0) load_next(smem + write * stage_bytes, i + Tile.stages - 1 < total);
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
