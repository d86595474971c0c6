// The weight and bias gradients of convolutions with any window, and of up-convolutions: all that a launch is given.
#pragma once
#include <type_traits>

#include <oxbow/cuda/arch/copy_async.cuh>
#include <oxbow/cuda/arch/matrix.cuh>
#include <oxbow/cuda/kernel/bias_sums.cuh>
#include <oxbow/cuda/kernel/pixel_walk.cuh>
#include <oxbow/cuda/kernel/squares.cuh>
#include <oxbow/cuda/kernel/stream_jobs.cuh>
#include <oxbow/cuda/tile/layout.cuh>
#include <oxbow/cuda/tune/grad_tile.hpp>

namespace oxbow::on_cuda {

/// What the bias gradient of a layer is the sum of.
enum class bias_of { nothing, gradient, input };

/// A layer of a launch.
template <class T> struct window_grad_job {
  window_shape shape;
  source<T const> first, second;
  view<T const> gradient;
  float* weight;               ///< the gradient of the weights; the taps of one are neighbours
  int in_stride, out_stride;   ///< from an input to the next, and from an output to the next, in elements
  float* bias;                 ///< sums for finish_gradients: (outputs), or (tap, inputs); each rounded up to 8
  bias_of sums_up;
  double* squares;             ///< of the gradients of each tile
};

/// dw[k][c][t] = Σ over pixels p of g[k](p) · x[c](p · stride + t · dilation − pad), and the sums of g or of x.
///
/// For an up-convolution of stride 2 the roles change: its data gradient is the convolution of dy with window and
/// stride 2, so x is dy, g the layer's input, and the bias gradient is the sum of x over all taps.
/// A unit is one tap of 32 inputs; the taps of the same inputs follow one another. A tile is as many units as the block
/// has rows of warps, and a number of outputs: the four taps of an up-convolution read g once. It is summed over
/// patches of so many pixels, counted row by row. Each block has an equal share of all layers' (stream_k.hpp).
/// The shapes are in a table: one instantiation per tile, element and what all layers may take for granted; where that
/// is most, tiles are whole as well, see is_dense.
///
/// cost    2 · height · width · taps · inputs · outputs operations; reads g once per so many units, x once per tile of
///         outputs and tap
template <window_grad_tile Tile, window_reads Reads, class T>
struct conv_window_grad_weight
    : stream_jobs<conv_window_grad_weight<Tile, Reads, T>, window_grad_job<T>, Tile.threads(), Tile.fragments()> {
  static constexpr int threads = Tile.threads(), resident = Tile.blocks_per_sm, pixels = Tile.pixels;
  static constexpr int units = Tile.units(), channels = Tile.inputs(), outputs = Tile.outputs();
  // fragments: (16 inputs, 8 outputs), then biases
  static constexpr int m_tiles = 2 * Tile.warp_units, n_tiles = Tile.octets, bias_at = m_tiles * n_tiles;
  static constexpr int plane = pixels * 16, x_bytes = channels / 8 * plane, g_bytes = outputs / 8 * plane;
  static constexpr int stage_bytes = x_bytes + g_bytes;
  static constexpr int x_rounds = x_bytes / 16 / threads, g_rounds = g_bytes / 16 / threads;
  static_assert(threads % channels == 0 && threads % outputs == 0 && x_bytes / 16 % threads == 0 &&
                    g_bytes / 16 % threads == 0 && pixels % 16 == 0 && Tile.octets % 2 == 0,
                "conv_window_grad_weight: the threads share a stage evenly.");

  // A gradient on its way to memory: 16 outputs at a time, (output, input · units + unit). Outputs are shifted against
  // one another, so that the lanes of a warp meet in no bank.
  static constexpr int slice = 16, pitch = channels + (units == 4 ? 16 : 32);
  static constexpr __host__ __device__ int place(int output, int entry) {
    return output * pitch + output / 2 % 4 * (units == 4 ? 1 : 8) + entry;
  }
  static_assert(units == 1 || units == 4, "conv_window_grad_weight: no places for so many units without conflicts.");

  using fragments = float[Tile.fragments()][1][4];
  using measure = squares<threads>;

  /// What is read of x for one unit, and where its gradients go.
  struct part {
    view<T const> x;             // begins at the unit's first channel
    int height, width;           // of the box
    int y, x0;                   // where the unit's tap of pixel (0, 0) lies in it
    int inputs;                  // that there are from the first on; may be more than the unit's
    int weight;                  // element of the first output's and input's gradient
    int bias;                    // first sum of the unit's inputs
  };
  /// A thread's way through the pixels of an operand, in elements: from a pixel to the next, from a row to the next,
  /// and from one of its pixels to its next one, which lies `along` columns further on or in a row below.
  struct way {
    int pixel, row, along, by;
    __device__ way(int step, int width, int pixel, int row)
        : pixel{pixel}, row{row}, along{step % width}, by{step / width * row + along * pixel} {}
  };
  struct storage {
    union {
      alignas(128) unsigned char stages[Tile.stages * stage_bytes];
      float gradient[slice * pitch];
      typename measure::storage temporary;
    };
    window_grad_job<T> job;
    part parts[units];
    way input, result;  // of dense layers
    unsigned flag;
  };

  static constexpr int all_units(window_shape const& s) {
    return s.taps() * (tune::ceil_div(s.first, unit) + tune::ceil_div(s.second, unit));
  }
  static constexpr int tiles(window_shape const& s) {
    return tune::ceil_div(all_units(s), units) * tune::ceil_div(s.outputs, outputs);
  }
  /// Whether units and outputs fill their tiles, so that copies need no question but whether there is such a pixel. Of
  /// one source without a border, whose every tap lies within it.
  static constexpr bool is_dense(window_shape const& s) {
    return s.second == 0 && s.first % unit == 0 && all_units(s) % units == 0 && s.outputs % outputs == 0 &&
           s.pad_y == 0 && s.pad_x == 0 && !s.mirror;
  }
  static stream_job stream_of(window_shape const& s, chip const& c) {
    return {tiles(s), tune::ceil_div(s.height * s.width, pixels), tune::patch_cycles(Tile, c), tune::grad_tile_cycles};
  }

  __device__ static void begin(storage& memory, int tile) {
    window_grad_job<T> const& job = memory.job;
    window_shape const& s = job.shape;
    int const number = static_cast<int>(threadIdx.x);
    if (Reads == window_reads::dense && number == units) {
      memory.input = {step_of<channels>, s.width, job.first.data.pixel * s.stride_x, job.first.data.row * s.stride_y};
      memory.result = {step_of<outputs>, s.width, job.gradient.pixel, job.gradient.row};
    }
    if (number >= units) return;
    int const u = tile / tiles_k(s) * units + number, tap = u % s.taps(), chunk = u / s.taps();
    int const first_chunks = (s.first + unit - 1) / unit;
    bool const in_first = chunk < first_chunks;
    source<T const> const& x = in_first ? job.first : job.second;
    int const channel = (in_first ? chunk : chunk - first_chunks) * unit;
    part& p = memory.parts[number];
    p.x = x.data, p.height = x.height, p.width = x.width;
    p.y = tap / s.taps_x * s.dilation_y - s.pad_y + x.shift_y;
    p.x0 = tap % s.taps_x * s.dilation_x - s.pad_x + x.shift_x;
    p.inputs = (in_first ? s.first : s.second) - channel;  // none behind the last unit
    p.x.data += p.inputs > 0 ? channel : 0;
    p.weight = ((in_first ? 0 : s.first) + channel) * job.in_stride + tap;
    p.bias = tap * ((s.first + 7) & ~7) + channel;
  }

  __device__ static void accumulate(fragments& acc, stream_segment const& now, storage& memory) {
    window_grad_job<T> const& job = memory.job;
    int const first_unit = now.tile / tiles_k(job.shape) * units, k0 = now.tile % tiles_k(job.shape) * outputs;
    std::uint32_t const smem = ptx::shared_address(memory.stages);
    int const lane = threadIdx.x % 32, warp = threadIdx.x / 32, wk = warp % Tile.warps_k, wc = warp / Tile.warps_k;
    // matrices of x: (pixels low, channels low), (low, high), (high, low), (high, high); of g the pixels vary first
    std::uint32_t const x_at =
        static_cast<unsigned>((lane / 16 * 8 + lane % 8) * 16 + lane / 8 % 2 * plane + wc * m_tiles * 2 * plane);
    std::uint32_t const g_at = static_cast<unsigned>(x_bytes + (lane / 8 % 2 * 8 + lane % 8) * 16 +
                                                     lane / 16 * plane + wk * n_tiles * plane);
    bool const sum_gradient = job.sums_up == bias_of::gradient && first_unit == 0 && wc == 0;
    bool const sum_input = job.sums_up == bias_of::input && k0 == 0 && wk == 0;
    int const from = now.from, to = now.to;
    loader ahead(memory, from);
#pragma unroll 1
    for (int i = 0; i < Tile.stages - 1; ++i)
      ahead.load(smem + static_cast<unsigned>(i * stage_bytes), memory, k0, from + i < to);
    int read = 0, write = Tile.stages - 1;
#pragma unroll 1
    for (int at = from; at < to; ++at) {
      ptx::wait_for_copies<Tile.stages - 2>();
      __syncthreads();
      auto const copy = [&] {
        ahead.load(smem + static_cast<unsigned>(write * stage_bytes), memory, k0, at + Tile.stages - 1 < to);
      };
      std::uint32_t const stage = smem + static_cast<unsigned>(read * stage_bytes);
      if (sum_gradient || sum_input) multiply<true>(acc, stage + x_at, stage + g_at, sum_gradient, copy);
      else multiply<false>(acc, stage + x_at, stage + g_at, false, copy);
      read = read + 1 == Tile.stages ? 0 : read + 1;
      write = write + 1 == Tile.stages ? 0 : write + 1;
    }
  }

  __device__ static void finish(fragments const& acc, int tile, run_scalars const& run, storage& memory) {
    window_grad_job<T> const& job = memory.job;
    window_shape const& s = job.shape;
    int const thread = ptx::thread_index(), lane = thread % 32, wk = thread / 32 % Tile.warps_k;
    int const wc = thread / 32 / Tile.warps_k, k0 = tile % tiles_k(s) * outputs;
    if (job.sums_up == bias_of::gradient && tile / tiles_k(s) == 0 && wc == 0)
#pragma unroll
      for (int n = 0; n < n_tiles / 2; ++n)
        store_bias_sums(acc[bias_at + n][0], job.bias, k0 + wk * n_tiles * 8 + n * 16, (s.outputs + 7) & ~7);
    if (job.sums_up == bias_of::input && k0 == 0 && wk == 0) {
#pragma unroll
      for (int m = 0; m < m_tiles; ++m) {
        part const& p = memory.parts[wc * Tile.warp_units + m / 2];
        store_bias_sums(acc[bias_at + m][0], job.bias + p.bias, m % 2 * 16, min(unit, (p.inputs + 7) & ~7));
      }
    }
    gradient_writer const writer = run.writer();
    double written = 0;
#pragma unroll
    for (int group = 0; group < outputs / slice; ++group) {
      __syncthreads();  // nobody reads the stages any more, or the slice before
      if (wk == group / (n_tiles / 2))
#pragma unroll
        for (int m = 0; m < m_tiles; ++m)
#pragma unroll
          for (int n = 0; n < 2; ++n)
#pragma unroll
            for (int i = 0; i < 4; ++i)
              memory.gradient[place(n * 8 + lane % 4 * 2 + i % 2, (m % 2 * 16 + i / 2 * 8 + lane / 4) * units +
                                                                      wc * Tile.warp_units + m / 2)] =
                  acc[m * n_tiles + group % (n_tiles / 2) * 2 + n][0][i];
      __syncthreads();
      // what was there is asked for several at a time
      constexpr int together = 8;
      static_assert(slice * channels % (together * threads) == 0);
#pragma unroll 1
      for (int first = thread; first < slice * channels; first += together * threads) {
        auto const place_of = [&](int i) {  // null where there is none
          int const k = k0 + group * slice + i / channels, c = i % channels / units;
          part const& p = memory.parts[i % units];
          bool const real = c < p.inputs && k < s.outputs;
          return real ? &job.weight[static_cast<std::int64_t>(k) * job.out_stride + p.weight + c * job.in_stride]
                      : nullptr;
        };
        float before[together];
#pragma unroll
        for (int u = 0; u < together; ++u) {
          float const* const at = place_of(first + u * threads);
          before[u] = at ? writer.before(*at) : 0.f;
        }
#pragma unroll
        for (int u = 0; u < together; ++u) {
          int const i = first + u * threads;
          float* const at = place_of(i);
          float const sum = memory.gradient[place(i / channels, i % channels)];
          if (at) written += measure::of(writer.write(*at, before[u], sum));
        }
      }
    }
    __syncthreads();
    measure::leave(written, job.squares + tile, memory.temporary);
  }

 private:
  static constexpr int unit = window_grad_tile::unit;
  __device__ static int tiles_k(window_shape const& s) { return (s.outputs + outputs - 1) / outputs; }

  // A thread's way through the patches: it copies one octet of pixels that lie so far apart. Items: (8 pixels) within
  // (octets) within (groups of 8 pixels), so that eight threads fill 128 bytes of a plane. What need not be kept is
  // computed anew for every patch, for want of registers.

  /// Of an operand of so many channels: the number of a thread's first pixel in a patch, and how far the next one is.
  template <int Channels> __device__ static int first_of(int patch) {
    return patch * pixels + static_cast<int>(threadIdx.x) / Channels * 8 + static_cast<int>(threadIdx.x) % 8;
  }
  template <int Channels> static constexpr int step_of = threads / Channels * 8;

  /// Of dense layers: where a pixel lies, and how many there are from it on.
  struct dense_loader {
    struct walk {
      int x, left;  // x: in its row
      unsigned at;

      __device__ walk(int first, window_shape const& s, way const& w)
          : x{first % s.width}, left{s.height * s.width - first},
            at{static_cast<unsigned>(first / s.width * w.row + x * w.pixel)} {}
      __device__ void advance(int step, int width, way const& w) {
        left -= step, x += w.along, at += static_cast<unsigned>(w.by);
        if (x >= width) x -= width, at += static_cast<unsigned>(w.row - width * w.pixel);
      }
    };
    walk input, result;

    __device__ dense_loader(storage const& memory, int patch)
        : input{first_of<channels>(patch), memory.job.shape, memory.input},
          result{first_of<outputs>(patch), memory.job.shape, memory.result} {}

    __device__ void load(std::uint32_t stage, storage const& memory, int k0, bool wanted) {
      // unsigned: no corrections of quotients
      auto const thread = static_cast<unsigned>(ptx::thread_index()), here = thread % 8;
      int const width = memory.job.shape.width;
      way const of_input = memory.input, of_result = memory.result;
      part const& mine = memory.parts[thread / 8 % (channels / 8) / (unit / 8)];
      T const* const x = mine.x.data + mine.y * mine.x.row + mine.x0 * mine.x.pixel + thread / 8 % (unit / 8) * 8;
      T const* const g = memory.job.gradient.data + k0 + thread / 8 % (outputs / 8) * 8;
#pragma unroll
      for (unsigned r = 0; r < x_rounds; ++r, input.advance(step_of<channels>, width, of_input)) {
        unsigned const item = r * threads + thread, slot = item / channels * 8 + here;
        bool const inside = input.left > 0;
        ptx::copy_async_if(wanted, stage + item / 8 % (channels / 8) * plane + slot * 16, x + (inside ? input.at : 0u),
                           inside);
      }
#pragma unroll
      for (unsigned r = 0; r < g_rounds; ++r, result.advance(step_of<outputs>, width, of_result)) {
        unsigned const item = r * threads + thread, octet = item / 8 % (outputs / 8), slot = item / outputs * 8 + here;
        bool const inside = result.left > 0;
        ptx::copy_async_if(wanted, stage + x_bytes + octet * plane + slot * 16, g + (inside ? result.at : 0u), inside);
      }
      ptx::commit_copies();
    }
  };

  /// Of any layers: rows and columns of pixels.
  struct any_loader {
    pixel_walk input, result;

    __device__ any_loader(storage const& memory, int patch)
        : input{first_of<channels>(patch), step_of<channels>, memory.job.shape.width},
          result{first_of<outputs>(patch), step_of<outputs>, memory.job.shape.width} {}

    __device__ void load(std::uint32_t stage, storage const& memory, int k0, bool wanted) {
      if (wanted) load(stage, memory, k0);
      ptx::commit_copies();
    }

   private:
    __device__ void load(std::uint32_t stage, storage const& memory, int k0) {
      // Copied, because behind each copy to shared memory what lies there would be read again.
      int const thread = ptx::thread_index(), here = thread % 8, piece = thread / 8 % (unit / 8);
      window_shape const s = memory.job.shape;
      view<T const> const g = memory.job.gradient;
      part const mine = memory.parts[thread / 8 % (channels / 8) / (unit / 8)];
#pragma unroll
      for (int r = 0; r < x_rounds; ++r, input.advance()) {
        int const item = r * threads + thread, slot = item / channels * 8 + here;
        int y = input.y * s.stride_y + mine.y, x = input.x * s.stride_x + mine.x0;
        if (s.mirror) {
          y = y < 0 ? -y : y >= mine.height ? 2 * mine.height - 2 - y : y;
          x = x < 0 ? -x : x >= mine.width ? 2 * mine.width - 2 - x : x;
        }
        bool const inside = input.y < s.height && piece * 8 < mine.inputs &&
                            static_cast<unsigned>(y) < static_cast<unsigned>(mine.height) &&
                            static_cast<unsigned>(x) < static_cast<unsigned>(mine.width);
        unsigned const at = inside ? static_cast<unsigned>(y) * static_cast<unsigned>(mine.x.row) +
                                         static_cast<unsigned>(x) * static_cast<unsigned>(mine.x.pixel) +
                                         static_cast<unsigned>(piece * 8)
                                   : 0u;
        ptx::copy_async(stage + static_cast<unsigned>(item / 8 % (channels / 8) * plane + slot * 16),
                        mine.x.data + at, inside);
      }
#pragma unroll
      for (int r = 0; r < g_rounds; ++r, result.advance()) {
        int const item = r * threads + thread, octet = item / 8 % (outputs / 8), slot = item / outputs * 8 + here;
        bool const inside = result.y < s.height && k0 + octet * 8 < s.outputs;
        unsigned const at = inside ? static_cast<unsigned>(result.y) * static_cast<unsigned>(g.row) +
                                         static_cast<unsigned>(result.x) * static_cast<unsigned>(g.pixel) +
                                         static_cast<unsigned>(k0 + octet * 8)
                                   : 0u;
        ptx::copy_async(stage + static_cast<unsigned>(x_bytes + octet * plane + slot * 16), g.data + at, inside);
      }
    }
  };

  using loader = std::conditional_t<Reads == window_reads::dense, dense_loader, any_loader>;

  /// Bias: and products with ones, of the gradient or of the input. copy(), what the thread has to fetch for later, is
  /// called where there are products to hide it behind.
  template <bool Bias, class Copy>
  __device__ static void multiply(fragments& acc, std::uint32_t x, std::uint32_t g, bool of_gradient,
                                  Copy const& copy) {
#pragma unroll
    for (int step = 0; step < pixels / 16; ++step) {
      std::uint32_t u[m_tiles][4];
#pragma unroll
      for (int m = 0; m < m_tiles; ++m)
        ptx::load_matrices_transposed(u[m], x + static_cast<unsigned>(step * 256 + m * 2 * plane));
#pragma unroll
      for (int n = 0; n < n_tiles / 2; ++n) {
        std::uint32_t b[4];
        ptx::load_matrices_transposed(b, g + static_cast<unsigned>(step * 256 + n * 2 * plane));
        if (step == 0 && n == 0) copy();
#pragma unroll
        for (int m = 0; m < m_tiles; ++m) {
          ptx::multiply(acc[m * n_tiles + 2 * n][0], T{}, u[m][0], u[m][1], u[m][2], u[m][3], b[0], b[1]);
          ptx::multiply(acc[m * n_tiles + 2 * n + 1][0], T{}, u[m][0], u[m][1], u[m][2], u[m][3], b[2], b[3]);
        }
        // what is a column of the right operand is a row of the left one: the same registers, in another order
        if (Bias && of_gradient) ptx::multiply(acc[bias_at + n][0], T{}, b[0], b[2], b[1], b[3], ones<T>, ones<T>);
      }
      if (Bias && !of_gradient)
#pragma unroll
        for (int m = 0; m < m_tiles; ++m)
          ptx::multiply(acc[bias_at + m][0], T{}, u[m][0], u[m][1], u[m][2], u[m][3], ones<T>, ones<T>);
    }
  }
};

}  // namespace oxbow::on_cuda
