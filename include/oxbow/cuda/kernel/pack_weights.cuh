// Weights of a layer → the packed order that kernels read, once per change of the weights.
#pragma once
#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <oxbow/cuda/tile/octet.cuh>
#include <oxbow/cuda/tile/packing.hpp>
#include <oxbow/ops/norm_factors.hpp>

namespace oxbow::on_cuda {

/// One tensor to be packed. Weights in the order of `order`, as T; or, where there are `rows`, rows of floats, rounded
/// up to `width` with zeros: biases, and the weights of a head. A batch norm that the layer absorbs multiplies them.
struct pack_job {
  packing order{};
  int rows = 0, columns = 0, width = 0;
  int first_block = 0;                                            ///< of the launch
  std::int64_t from = 0, to = 0;                                  ///< elements of the parameters; bytes of the packed
  std::int64_t scale = -1, shift = -1, mean = -1, variance = -1;  ///< of the batch norm, elements; −1: none

  static constexpr int threads = 128, columns_of_block = 32, inputs_of_block = 16;
  constexpr int blocks() const {
    return rows > 0 ? (rows * width + threads - 1) / threads
                    : order.columns() / columns_of_block * order.chunks() * (order.chunk / inputs_of_block);
  }
  template <class T> constexpr std::int64_t bytes() const {
    return rows > 0 ? std::int64_t{rows} * width * 4 : order.size() * static_cast<std::int64_t>(sizeof(T));
  }
};

/// packed[i] = T(weights[order.element(i)]), zero where that is −1. All tensors of a program in one launch.
///
/// A block makes 32 columns × 16 inputs, all taps: it reads the weights in runs along whichever of outputs and inputs
/// is the inner axis in memory, with the taps, and writes the 16 bytes of each lane.
///
/// needs   a tensor of fewer than 2^31 elements
/// cost    reads each weight once, in runs of at least 16 · taps, and writes it once
template <class T> struct pack_weights {
  static constexpr int threads = pack_job::threads, columns = pack_job::columns_of_block;
  static constexpr int inputs = pack_job::inputs_of_block, most_taps = 9;
  struct storage {
    // one float more per output: then the lanes of a warp, two inputs and nine taps apart, meet in no bank
    float weight[columns][inputs * most_taps + 1];
    int column_at[columns], input_at[inputs];  ///< elements of the layer's tensor; −1: zeros
    float factor[columns];
    int job;
  };
  struct args {
    pack_job const* jobs;
    int count;
    float const* parameters;
    std::byte* packed;
  };

  __device__ static void run(args const& a, storage& s) {
    int const block = static_cast<int>(blockIdx.x);
    for (int i = threadIdx.x; i < a.count; i += threads)
      if (a.jobs[i].first_block <= block && (i + 1 == a.count || block < a.jobs[i + 1].first_block)) s.job = i;
    __syncthreads();
    job const j{a.jobs[s.job], a.parameters, a.packed + a.jobs[s.job].to, block - a.jobs[s.job].first_block};
    int const taps = j.of.order.taps();
    if (j.of.rows > 0) copy_rows(j);
    else if (taps == 9) pack<9>(j, s, 9);
    else if (taps == 4) pack<4>(j, s, 4);
    else if (taps == 1) pack<1>(j, s, 1);
    else for (int first = 0; first < taps; first += most_taps) pack<0>(j, s, min(most_taps, taps - first), first);
  }

 private:
  struct job {
    pack_job const& of;
    float const* parameters;
    std::byte* packed;
    int block;

    __device__ ops::norm_factor factor(int output) const {
      return ops::running_factor_of(parameters[of.scale + output], parameters[of.shift + output],
                                    parameters[of.mean + output], parameters[of.variance + output]);
    }
  };

  __device__ static void copy_rows(job const& j) {
    int const i = j.block * threads + static_cast<int>(threadIdx.x), row = i / j.of.width, k = i % j.of.width;
    if (row >= j.of.rows) return;
    float v = 0;
    if (k < j.of.columns) {
      v = j.parameters[j.of.from + static_cast<std::int64_t>(row) * j.of.columns + k];
      if (j.of.scale >= 0) {  // a bias: the norm's shift comes with it
        ops::norm_factor const f = j.factor(k);
        v = v * f.a + f.b;
      }
    }
    reinterpret_cast<float*>(j.packed)[i] = v;
  }

  /// Where the weights of a column begin in the layer's tensor, and what a batch norm multiplies them by.
  __device__ static void look_up_column(job const& j, storage& s, int column0, int column) {
    packing const& order = j.of.order;
    int const out = order.output(column0 + column);
    // the taps of an up-convolution are columns: one per phase
    int const phase = order.phases > 1 ? (column0 + column) / order.phase_outputs() : 0;
    s.column_at[column] = out < 0 ? -1 : static_cast<int>(out * order.out_stride) + phase;
    s.factor[column] = out < 0 || j.of.scale < 0 ? 1.f : j.factor(out).a;
  }

  /// Taps [first, first + count). If it is no constant, Taps is zero.
  template <int Taps> __device__ static void pack(job const& j, storage& s, int count, int first = 0) {
    packing const& order = j.of.order;
    int const taps = Taps ? Taps : count, steps = order.chunk / inputs, all_steps = order.chunks() * steps;
    int const group = j.block / all_steps, place = j.block % all_steps;
    int const q = place / steps, step = place % steps, column0 = group * columns;
    int const lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    if (static_cast<int>(threadIdx.x) < columns) look_up_column(j, s, column0, threadIdx.x);
    else if (int const in = static_cast<int>(threadIdx.x) - columns; in < inputs) {
      int const from = order.input(q, step * inputs + in);
      s.input_at[in] = from < 0 ? -1 : static_cast<int>(from * order.in_stride);
    }
    __syncthreads();
    float const* const weights = j.parameters + j.of.from + first;
    if (order.in_stride < order.out_stride) {  // neighbouring inputs are neighbours in memory
#pragma unroll 4
      for (int column = warp; column < columns; column += threads / 32) {
        int const out = s.column_at[column];
        float const factor = s.factor[column];
        for (int i = lane; i < inputs * taps; i += 32) {
          int const from = s.input_at[i / taps];
          s.weight[column][i] = out < 0 || from < 0 ? 0.f : weights[out + from + i % taps] * factor;
        }
      }
    } else {
#pragma unroll 4
      for (int in = warp; in < inputs; in += threads / 32) {
        int const from = s.input_at[in];
        for (int i = lane; i < columns * taps; i += 32) {
          int const column = i / taps, tap = i - column * taps, out = s.column_at[column];
          s.weight[column][in * taps + tap] = out < 0 || from < 0 ? 0.f : weights[out + from + tap] * s.factor[column];
        }
      }
    }
    __syncthreads();
    int const tile = column0 / order.tile_outputs, pair0 = column0 % order.tile_outputs / 16;
    constexpr int halves = static_cast<int>(sizeof(T)) / 2;  // steps of tf32 have eight inputs: two to a block
    for (int i = warp; i < 2 * halves * taps; i += threads / 32) {
      int const pair = i & 1, half = halves == 1 ? 0 : i / 2 % halves, here = i / 2 / halves, read = first + here;
      // the packed order is column by column, and the window may be turned
      int const at = order.flipped ? order.taps() - 1 - read : read;
      int const packed_tap = at % order.taps_x * order.taps_y + at / order.taps_x;
      std::int64_t const to =
          ((static_cast<std::int64_t>(tile * order.chunks() + q) * order.taps() + packed_tap) * (steps * halves) +
           step * halves + half) * (order.tile_outputs / 16) + pair0 + pair;
      constexpr int each = 4 / halves;  // of a lane, for one n-tile
      std::uint32_t r[4];
#pragma unroll
      for (int word = 0; word < 4; ++word) {
        float v[2];
#pragma unroll
        for (int n = 0; n < numbers_per_word<T>; ++n) {
          int const e = word * numbers_per_word<T> + n;
          int const column = lane / 8 * 8 + (2 * pair + e / each) * 2 + lane / 4 % 2;
          int const in = halves == 1 ? e / 2 % 2 * 8 + lane % 4 * 2 + e % 2 : half * 8 + e % 2 * 4 + lane % 4;
          v[n] = s.weight[column][in * taps + here];
        }
        r[word] = pair_of<T>(v[0], v[numbers_per_word<T> - 1]);
      }
      ptx::store_global(j.packed + (to * 32 + lane) * 16, r);
    }
    __syncthreads();
  }
};

}  // namespace oxbow::on_cuda
