// The weight and bias gradients of 3×3 convolutions of stride 1: all that a launch is given.
#pragma once
#include <algorithm>

#include <oxbow/cuda/kernel/grad_patch.cuh>
#include <oxbow/cuda/kernel/squares.cuh>
#include <oxbow/cuda/kernel/stream_jobs.cuh>

namespace oxbow::on_cuda {

/// A layer of a launch.
template <class T> struct grad_job {
  conv_shape shape;    ///< its inputs counted in channels
  source<T const> first, second;
  view<T const> gradient;
  float* weight;       ///< the gradient, (output, input, tap)
  float* bias;         ///< sums for finish_gradients: (chunk of inputs, outputs rounded up to 8); may be null
  double* squares;     ///< of the gradients of each tile
  int rows;            ///< of its patches: which of the kernel's tiles it wants
};

/// What stream_k.hpp has to know of a layer with this tile.
template <class T> stream_job stream_of(conv_shape const& s, grad_tile const& t, chip const& c) {
  return {tune::grad_tiles(s), tune::patches(s, t.rows), tune::patch_cycles(t, c, sizeof(T)), tune::grad_tile_cycles};
}

/// dw[k][c][dy][dx] = Σ over pixels of dy[k](y, x) · x[c](y + dy − pad, x + dx − pad), and db[k] = Σ dy[k](y, x).
///
/// A tile is 32 input channels, 64 outputs and all nine taps, summed over patches of rows × 8 pixels (grad_patch.cuh).
/// Each block has an equal share of all layers' patches (stream_k.hpp). Where several blocks have a part of a tile the
/// last of them adds their sums, and writes the gradient.
/// The bias costs a product with ones per 16 pixels × 16 outputs, which the tiles that read the same dy share.
/// The shapes are in a table: one instantiation per program, with the tiles that its layers want.
///
/// cost    18 · height · width · inputs · outputs operations; reads x and dy once per tile of the other's channels
template <class T, grad_tile... Tiles>
struct conv_3x3_grad_weight
    : stream_jobs<conv_3x3_grad_weight<T, Tiles...>, grad_job<T>, grad_tile::threads, grad_fragments::count> {
  static constexpr int threads = grad_tile::threads, resident = std::min({Tiles.blocks_per_sm...});
  static constexpr int channels = grad_tile::inputs, outputs = grad_tile::outputs;
  static constexpr int stages_bytes = std::max({Tiles.stages * grad_patch<Tiles, T>::bytes...});

  // A gradient on its way to memory: 16 outputs at a time, (output, input · 9 + tap). With this pitch the lanes of a
  // warp meet in no bank.
  static constexpr int slice = 16, run_floats = channels * 9, pitch = run_floats + 4;
  using fragments = grad_fragments;
  using measure = squares<threads>;

  struct storage {
    union {
      alignas(128) unsigned char stages[stages_bytes];
      struct {
        float gradient[slice][pitch];
        float before[2][slice * run_floats];
      } out;
      typename measure::storage temporary;
    };
    grad_job<T> job;
    grad_part<T> part;
    unsigned flag;
  };

  /// What a tile is.
  struct share {
    int chunk, chunks;          // of the inputs of both tensors
    bool in_first;              // the first of the two
    int channel, channels;      // of that tensor: the first one of the tile, and how many there are from it on
    int k0;                     // output
  };
  __device__ static share share_of(conv_shape const& s, int tile) {
    int const first_chunks = (s.first + channels - 1) / channels, tiles_k = (s.outputs + outputs - 1) / outputs;
    share r;
    r.chunk = tile / tiles_k, r.chunks = first_chunks + (s.second + channels - 1) / channels;
    r.in_first = r.chunk < first_chunks;
    r.channel = (r.in_first ? r.chunk : r.chunk - first_chunks) * channels;
    r.channels = (r.in_first ? s.first : s.second) - r.channel;
    r.k0 = tile % tiles_k * outputs;
    return r;
  }

  __device__ static void begin(storage& memory, int tile) {
    if (threadIdx.x == 0) memory.part = part_of(memory.job, tile);
  }
  __device__ static void accumulate(fragments::type& acc, stream_segment const& now, storage& memory) {
    accumulate<Tiles...>(acc, now, memory, memory.job.rows);
  }
  __device__ static void finish(fragments::type& acc, int tile, run_scalars const& run, storage& memory) {
    conv_shape const& s = memory.job.shape;
    share const mine = share_of(s, tile);
    int const warp = ptx::thread_index() / 32, dx = warp % 3, half = warp / 3;
    if (memory.job.bias && dx < 2) {
      int const width = (s.outputs + 7) & ~7;
      store_bias_sums(acc[fragments::bias][0], memory.job.bias + static_cast<std::int64_t>(mine.chunk) * width,
                      mine.k0 + half * 32 + dx * 16, width);
    }
    write_gradient(acc, mine, run, memory.job.squares + tile, memory);
  }

 private:
  __device__ static grad_part<T> part_of(grad_job<T> const& job, int tile) {
    share const mine = share_of(job.shape, tile);
    source<T const> const& x = mine.in_first ? job.first : job.second;
    grad_part<T> p{{x.data, x.height, x.width, mine.channels, x.shift_y - job.shape.pad, x.shift_x - job.shape.pad},
                   {job.gradient, job.shape.height, job.shape.width, job.shape.outputs - mine.k0, 0, 0},
                   job.shape.edge == beyond::mirror};
    p.x.data.data += mine.channel, p.gradient.data.data += mine.k0;
    return p;
  }

  /// With the tile that the job asks for.
  template <grad_tile Tile, grad_tile... Others>
  __device__ static void accumulate(fragments::type& acc, stream_segment const& now, storage& memory, int rows) {
    if constexpr (sizeof...(Others) > 0) {
      if (rows != Tile.rows) return accumulate<Others...>(acc, now, memory, rows);
    }
    using patch = grad_patch<Tile, T>;
    share const mine = share_of(memory.job.shape, now.tile);
    std::uint32_t const stages = ptx::shared_address(memory.stages);
    auto const lane = patch::my_place();
    typename patch::place ahead{now.from, patch::patches_x(memory.part)};
    // the tiles that read the same gradient sum it up for the bias in turn
    int until_bias = (mine.chunk + mine.chunks - now.from % mine.chunks) % mine.chunks;
    int left = now.to - now.from, read = 0;
#pragma unroll 1
    for (int i = 0; i < Tile.stages - 1; ++i) {
      if (i < left) patch::load(stages + i * patch::bytes, memory.part, ahead);
      ahead.advance(patch::patches_x(memory.part));
      ptx::commit_copies();
    }
#pragma unroll 1
    for (; left > 0; --left) {
      ptx::wait_for_copies<Tile.stages - 2>();
      __syncthreads();
      int const write = read == 0 ? Tile.stages - 1 : read - 1;
      if (left > Tile.stages - 1) patch::load(stages + write * patch::bytes, memory.part, ahead);
      ahead.advance(patch::patches_x(memory.part));
      ptx::commit_copies();
      bool const with_bias = memory.job.bias && until_bias == 0;
      until_bias = (until_bias == 0 ? mine.chunks : until_bias) - 1;
      unsigned char const* const stage = memory.stages + read * patch::bytes;
      if (with_bias) patch::template multiply<true>(acc, lane, stage);
      else patch::template multiply<false>(acc, lane, stage);
      read = read + 1 == Tile.stages ? 0 : read + 1;
    }
  }

  /// The sums of a tile → the gradient, (output, input, tap): runs of up to 288 floats.
  __device__ static void write_gradient(fragments::type const& acc, share const& mine, run_scalars const& run,
                                        double* squares, storage& memory) {
    conv_shape const& s = memory.job.shape;
    int const thread = ptx::thread_index(), lane = thread % 32, dx = thread / 32 % 3, half = thread / 96;
    int const inputs = s.first + s.second;
    int const input = (mine.in_first ? 0 : s.first) + mine.channel, floats = min(channels, mine.channels) * 9;
    gradient_writer const writer = run.writer();
    auto const place_of = [&](int part, unsigned i) {  // null where there is none
      int const o = static_cast<int>(i / run_floats), e = static_cast<int>(i % run_floats);
      int const k = mine.k0 + part * slice + o;
      bool const real = e < floats && k < s.outputs;
      return real ? &memory.job.weight[(static_cast<std::int64_t>(k) * inputs + input) * 9 + e] : nullptr;
    };
    // What was there before is under way while the slice in front of it is written. A thread fetches what it needs.
    auto const fetch = [&](int part) {
      if (writer.reads())
#pragma unroll 1
        for (unsigned i = static_cast<unsigned>(thread); i < slice * run_floats; i += threads)
          if (float const* const place = place_of(part, i))
            ptx::copy_word_async(ptx::shared_address(memory.out.before[part % 2] + i), writer.source(place));
      ptx::commit_copies();
    };
    double written = 0;
    __syncthreads();  // nobody reads the stages any more
    fetch(0);
#pragma unroll
    for (int part = 0; part < outputs / slice; ++part) {
      if (part > 0) __syncthreads();  // nor the slice before
      if (part + 1 < outputs / slice) fetch(part + 1);
      if (half == part / 2)
#pragma unroll
        for (int dy = 0; dy < 3; ++dy)
#pragma unroll
          for (int m = 0; m < 2; ++m)
#pragma unroll
            for (int n = 0; n < 2; ++n)
#pragma unroll
              for (int i = 0; i < 4; ++i)
                memory.out.gradient[n * 8 + lane % 4 * 2 + i % 2][(m * 16 + i / 2 * 8 + lane / 4) * 9 + dy * 3 + dx] =
                    acc[fragments::of(dy, m, part % 2 * 2 + n)][0][i];
      if (part + 1 < outputs / slice) ptx::wait_for_copies<1>();
      else ptx::wait_for_copies<0>();
      __syncthreads();
#pragma unroll 1
      for (unsigned i = static_cast<unsigned>(thread); i < slice * run_floats; i += threads)
        if (float* const place = place_of(part, i)) {
          float const before = writer.reads() ? memory.out.before[part % 2][i] : 0.f;
          written += measure::of(writer.write(*place, before, memory.out.gradient[i / run_floats][i % run_floats]));
        }
    }
    __syncthreads();
    measure::leave(written, squares, memory.temporary);
  }
};

}  // namespace oxbow::on_cuda
