// The 3×3 convolution of stride 1 on tensor cores: forward, and with other weights its data gradient.
#pragma once
#include <oxbow/cuda/arch/matrix.cuh>
#include <oxbow/cuda/arch/thread.cuh>
#include <oxbow/cuda/kernel/halo.cuh>
#include <oxbow/cuda/kernel/shared_tiles.cuh>
#include <oxbow/cuda/kernel/sinks.cuh>
#include <oxbow/cuda/tile/packing.hpp>

namespace oxbow::on_cuda {

/// A sink that takes the sums of a whole tile, because it needs all channels of a pixel at once.
template <class Sink> concept takes_tiles = requires { typename Sink::scratch; };

/// y = sink(conv(x, w)), where x may be two tensors, one after the other along the channels.
///
/// One block owns tile_height × tile_width pixels and tile_outputs channels. For every chunk of 32 input channels the
/// pixels with their border lie in shared memory once and serve all nine taps; weights stream past them, a column of
/// three taps per stage. A warp owns rows × octets of eight pixels × channels: rows are loaded as fragments of two, and
/// those of tap 0 serve tap 2 two rows further up.
///
/// shapes  x: in_height × in_width × (first + second) → y: height × width × outputs
/// cost    18 · height · width · inputs · outputs operations; reads x once per tile of outputs, with its border
template <conv_shape Shape, conv_tile Tile, class T, class Sink> struct conv_3x3 {
  using pixels = halo<Shape, Tile, T>;
  static constexpr int threads = Tile.threads(), resident = Tile.blocks_per_sm;
  static constexpr int chunk = conv_shape::chunk, steps = chunk / 16, chunks = Shape.chunks();
  static constexpr int tile_height = Tile.height(), tile_width = Tile.width(), tile_outputs = Tile.outputs();
  static constexpr int m_tiles = Tile.warp_octets * Tile.warp_rows / 2, n_tiles = Tile.output_octets;
  static constexpr int pairs = Tile.warp_rows / 2;
  static constexpr int tiles_y = tune::ceil_div(Shape.height, tile_height);
  static constexpr int tiles_x = tune::ceil_div(Shape.width, tile_width);
  static constexpr int tiles_k = tune::ceil_div(Shape.outputs, tile_outputs), tiles = tiles_y * tiles_x * tiles_k;
  static constexpr int grid = Tile.grid ? Tile.grid : tiles;
  static constexpr int column_bytes = Tile.column_bytes();
  using sharing = shared_tiles<tiles, grid, chunks, threads, m_tiles * n_tiles * 4>;

  static_assert(Tile.warp_rows % 2 == 0, "conv_3x3: a warp owns pairs of rows. Take an even number of rows.");
  static_assert(Tile.output_octets % 4 == 0, "conv_3x3: a thread ends with 8 neighbouring channels of 32. Take a "
                                             "multiple of 4 octets.");
  static_assert(Tile.stages >= 2 && Tile.stages <= 4, "conv_3x3: 2 to 4 stages of weights.");
  static_assert(column_bytes / 16 % threads == 0, "conv_3x3: the threads share a column of weights evenly.");
  static_assert(Shape.edge != beyond::never || Shape.pad == 0, "conv_3x3: with padding say what lies beyond the edge.");

  struct storage {
    alignas(128) unsigned char stages[2 * pixels::bytes + Tile.stages * column_bytes];  // two chunks, then columns
    unsigned flag;
  };
  struct args {
    source<T const> first, second;
    uint4 const* weights;  ///< packed: see packing.hpp, with tile_outputs and chunks of 32
    Sink sink;
    float* partial;        ///< sharing::workspace_floats; null if that is 0
    unsigned* arrived;     ///< sharing::split counters, zero; left zero
  };
  static int blocks(args const&) { return grid; }

  struct place { int y, x, k; };
  __device__ static place place_of(int tile) {
    if constexpr (Tile.outputs_first) return {tile / tiles_k / tiles_x, tile / tiles_k % tiles_x, tile % tiles_k};
    else return {tile / tiles_x % tiles_y, tile % tiles_x, tile / (tiles_x * tiles_y)};
  }

  __device__ static void load_column(std::uint32_t column, args const& a, place at, int q, int dx, bool wanted) {
    uint4 const* const from =
        a.weights + static_cast<long long>((at.k * chunks + q) * 3 + dx) * (column_bytes / 16) + threadIdx.x;
#pragma unroll
    for (int i = 0; i < column_bytes / 16 / threads; ++i)
      ptx::copy_async_if(wanted, column + (i * threads + threadIdx.x) * 16, from + i * threads);
  }

  /// Which part of a tile a warp owns, and the addresses of its lanes.
  struct share {
    int y, x, k;
    std::uint32_t pixel, weight;
  };
  __device__ static share my_share() {
    int const lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int const wk = warp % Tile.warps_k, wx = warp / Tile.warps_k % Tile.warps_x;
    int const wy = warp / Tile.warps_k / Tile.warps_x;
    int const y = wy * Tile.warp_rows, x = wx * Tile.warp_octets * 8;
    int const row = y + lane / 8 % 2, column = x + lane % 8;
    return {y, x, wk * n_tiles * 8,
            static_cast<unsigned>((row * pixels::width + column) * pixels::pitch + lane / 16 * pixels::plane),
            static_cast<unsigned>(wk * (n_tiles / 2) * 512 + lane * 16)};
  }
  using accumulators = float[m_tiles][n_tiles][4];  // (octets · pairs of rows, 8 channels, 2 rows × 2 channels)

  /// 16 pixels × 16 channels times 16 channels × the outputs 16 n … 16 n + 15.
  __device__ static void multiply_outputs(float (&acc)[n_tiles][4], int n, std::uint32_t const (&a)[4],
                                          std::uint32_t const (&b)[4]) {
    ptx::multiply(acc[2 * n], T{}, a[0], a[1], a[2], a[3], b[0], b[1]);
    ptx::multiply(acc[2 * n + 1], T{}, a[0], a[1], a[2], a[3], b[2], b[3]);
  }

  /// Three taps, (0 … 2, dx), of one chunk. copy(), what the thread has to fetch for later, is called where there are
  /// products to hide it behind.
  template <class Copy>
  __device__ static void multiply_column(accumulators& acc, std::uint32_t x, std::uint32_t w, Copy const& copy) {
    auto const at = [&](int step, int octet, int row) {
      return x + static_cast<unsigned>((row * pixels::width + octet * 8) * pixels::pitch + step * 2 * pixels::plane);
    };
#pragma unroll
    for (int step = 0; step < steps; ++step) {
      std::uint32_t rows[Tile.warp_octets][pairs + 1][4];  // two rows of 8 pixels × 16 channels: low, low, high, high
#pragma unroll
      for (int o = 0; o < Tile.warp_octets; ++o)
#pragma unroll
        for (int p = 0; p <= pairs; ++p) ptx::load_matrices(rows[o][p], at(step, o, 2 * p));
      // Taps 0 and 2 multiply the pairs as they lie. Tap 1 begins in the middle of one: it is loaded once more, because
      // a product takes four registers in a row, and moving them costs the tensor cores more than shared memory loses.
#pragma unroll
      for (int dy : {0, 2, 1}) {
        std::uint32_t b[n_tiles / 2][4];
#pragma unroll
        for (int n = 0; n < n_tiles / 2; ++n)
          ptx::load_shared(b[n], w + static_cast<unsigned>(((dy * steps + step) * (tile_outputs / 16) + n) * 512));
        if (step == 0 && dy == 0) copy();
#pragma unroll
        for (int o = 0; o < Tile.warp_octets; ++o)
#pragma unroll
          for (int p = 0; p < pairs; ++p) {
            std::uint32_t middle[4];
            if (dy == 1) ptx::load_matrices(middle, at(step, o, 2 * p + 1));
            auto const& pair = dy == 1 ? middle : rows[o][p + dy / 2];
#pragma unroll
            for (int n = 0; n < n_tiles / 2; ++n) multiply_outputs(acc[o * pairs + p], n, pair, b[n]);
          }
      }
    }
  }

  /// The pipeline over the chunks [q0, q1) of a tile.
  __device__ static void accumulate(accumulators& acc, args const& a, place at, int q0, int q1, storage& s) {
    auto const halo_at = [&](int q) { return ptx::shared_address(s.stages) + (q & 1) * pixels::bytes; };
    auto const column_at = [&](int i) { return ptx::shared_address(s.stages) + 2 * pixels::bytes + i * column_bytes; };
    share const mine = my_share();
    int const y0 = at.y * tile_height, x0 = at.x * tile_width;
    pixels::load(halo_at(q0), a.first, a.second, y0, x0, q0, 0, pixels::rounds, true);
#pragma unroll
    for (int i = 0; i < Tile.stages - 1; ++i) {
      load_column(column_at(i), a, at, q0 + i / 3, i % 3, true);
      ptx::commit_copies();
    }
    int read = 0, write = Tile.stages - 1;
    for (int q = q0; q < q1; ++q)
#pragma unroll 1
      for (int dx = 0; dx < 3; ++dx) {
        ptx::wait_for_copies<Tile.stages - 2>();
        __syncthreads();  // what was waited for is seen by all, and the oldest stage is read by none
        int const ahead = dx + Tile.stages - 1, q_ahead = q + ahead / 3;
        multiply_column(acc, halo_at(q) + static_cast<unsigned>(dx * pixels::pitch) + mine.pixel,
                        column_at(read) + mine.weight, [&] {
                          load_column(column_at(write), a, at, min(q_ahead, chunks - 1), ahead % 3, q_ahead < q1);
                          pixels::load_slice(halo_at(q + 1), a.first, a.second, y0, x0, min(q + 1, chunks - 1), dx,
                                             q + 1 < q1);
                          ptx::commit_copies();
                        });
        read = read + 1 == Tile.stages ? 0 : read + 1;
        write = write + 1 == Tile.stages ? 0 : write + 1;
      }
    ptx::wait_for_copies<0>();
    __syncthreads();
  }

  /// Registers → memory. A thread holds eight neighbouring channels of a pixel for every four n-tiles.
  __device__ static void finish(accumulators const& acc, args const& a, place at) {
    share const mine = my_share();
    int const lane = threadIdx.x % 32;
    int const y0 = at.y * tile_height + mine.y, x0 = at.x * tile_width + mine.x + lane / 4;
    int const k0 = at.k * tile_outputs + mine.k + lane % 4 * 8;
#pragma unroll
    for (int group = 0; group < n_tiles / 4; ++group) {
      int const k = k0 + group * 32;
      bool const real = Shape.outputs % tile_outputs == 0 || k < Shape.outputs;
      auto const channels = a.sink.at(real ? k : 0);
      auto const spot_of = [&](int o, int p, int row) {
        int const y = y0 + 2 * p + row, x = x0 + o * 8;
        return spot{y, x, real && y < Shape.height && x < Shape.width};
      };
      auto const values = [&](octet& v, int o, int p, int row) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          auto const& c = acc[o * pairs + p][group * 4 + i];
          v[2 * i] = c[2 * row], v[2 * i + 1] = c[2 * row + 1];
        }
      };
#pragma unroll
      for (int o = 0; o < Tile.warp_octets; ++o) {
        if constexpr (Sink::pools) {
#pragma unroll
          for (int p = 0; p < pairs; ++p) {
            octet v[2];
            values(v[0], o, p, 0), values(v[1], o, p, 1);
            channels(v, spot_of(o, p, 0), spot_of(o, p, 1).inside);
          }
        } else {
          finish_pixels<2 * pairs>(channels, [&](int i) { return spot_of(o, i / 2, i % 2); },
                                   [&](octet& v, int i) { values(v, o, i / 2, i % 2); });
        }
      }
    }
  }

  __device__ static void run(args const& a, storage& s) {
#pragma unroll 1
    for (int number = 0; tiles > sharing::share(ptx::block_index(), number).tile; ++number) {
      accumulators acc = {};
      {
        auto const now = sharing::share(ptx::block_index(), number);
        accumulate(acc, a, place_of(now.tile), now.from, now.to, s);
      }
      // made anew: kept until here it would be more than the registers hold
      int const block = ptx::block_index();
      auto const now = sharing::share(block, number);
      if (now.is_whole() || sharing::last_to_arrive(acc, a.partial, a.arrived, now.tile, block, s.flag, s.stages)) {
        if constexpr (takes_tiles<Sink>) a.sink.template tile<conv_3x3>(acc, place_of(now.tile), now.tile, s);
        else finish(acc, a, place_of(now.tile));
      }
    }
  }
};

}  // namespace oxbow::on_cuda
