// Weights of a layer → the packed order that kernels read, once per change of the weights.
#pragma once
#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <oxbow/cuda/tile/octet.cuh>
#include <oxbow/cuda/tile/packing.hpp>

namespace oxbow::on_cuda {

/// packed[i] = T(weights[order.element(i)]), zero where that is −1.
///
/// A block makes 32 columns × 16 inputs, all taps: it reads the weights in runs along whichever of outputs and inputs
/// is the inner axis in memory, with the taps, and writes the 16 bytes of each lane.
///
/// cost    reads each weight once, in runs of at least 16 · taps, and writes it once
template <class T> struct pack_weights {
  static constexpr int threads = 128, columns = 32, inputs = 16, most_taps = 9;
  struct storage {
    // one float more per output: then the lanes of a warp, two inputs and nine taps apart, meet in no bank
    float weight[columns][inputs * most_taps + 1];
  };
  struct args {
    packing order;
    float const* weights;
    T* packed;
  };
  static int blocks(args const& a) {
    return a.order.columns() / columns * a.order.chunks() * (a.order.chunk / inputs);
  }

  __device__ static void run(args const& a, storage& s) {
    int const taps = a.order.taps();
    if (taps == 9) pack<9>(a, s, 9);
    else if (taps == 4) pack<4>(a, s, 4);
    else if (taps == 1) pack<1>(a, s, 1);
    else for (int first = 0; first < taps; first += most_taps) pack<0>(a, s, min(most_taps, taps - first), first);
  }

  /// Taps [first, first + count). If it is no constant, Taps is zero.
  template <int Taps> __device__ static void pack(args const& a, storage& s, int count, int first = 0) {
    packing const& order = a.order;
    int const taps = Taps ? Taps : count, steps = order.chunk / inputs, all_steps = order.chunks() * steps;
    int const group = static_cast<int>(blockIdx.x) / all_steps, place = static_cast<int>(blockIdx.x) % all_steps;
    int const q = place / steps, step = place % steps, column0 = group * columns;
    int const lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    bool const inputs_inside = order.in_stride < order.out_stride;
    int const inner = inputs_inside ? inputs : columns, outer = inputs_inside ? columns : inputs;
    for (int i = lane; i < inner * taps; i += 32) {
      int const along = i / taps, tap = first + i % taps;
      for (int across = warp; across < outer; across += threads / 32) {
        int const column = inputs_inside ? across : along, in = inputs_inside ? along : across;
        int const out = order.output(column0 + column), from = order.input(q, step * inputs + in);
        // taps in the layer's order, row by row; for an up-convolution the column says which
        int const phase = (column0 + column) / order.phase_outputs();
        float w = 0;
        if (out >= 0 && from >= 0)
          w = a.weights[out * order.out_stride + from * order.in_stride + (order.phases > 1 ? phase : tap)];
        s.weight[column][in * taps + i % taps] = w;
      }
    }
    __syncthreads();
    int const tile = column0 / order.tile_outputs, pair0 = column0 % order.tile_outputs / 16;
    for (int i = warp; i < 2 * taps; i += threads / 32) {
      int const pair = i & 1, here = i / 2, read = first + here;
      // the packed order is column by column, and the window may be turned
      int const at = order.flipped ? order.taps() - 1 - read : read;
      int const packed_tap = at % order.taps_x * order.taps_y + at / order.taps_x;
      octet v;
#pragma unroll
      for (int e = 0; e < 8; ++e) {
        int const column = lane / 8 * 8 + (2 * pair + e / 4) * 2 + lane / 4 % 2;
        v[e] = s.weight[column][(e / 2 % 2 * 8 + lane % 4 * 2 + e % 2) * taps + here];
      }
      std::int64_t const to =
          ((static_cast<std::int64_t>(tile * order.chunks() + q) * order.taps() + packed_tap) * steps + step) *
              (order.tile_outputs / 16) + pair0 + pair;
      store_octet(a.packed + (to * 32 + lane) * 8, v);
    }
    __syncthreads();
  }
};

/// padded[k] = bias[k], zero beyond: what add_bias reads. Repeated nowhere: an up-convolution has one bias per channel.
struct pad_bias {
  static constexpr int threads = 128;
  struct storage {};
  struct args {
    float const* bias;
    float* padded;
    int count, padded_count;
  };
  static int blocks(args const& a) { return (a.padded_count + threads - 1) / threads; }
  __device__ static void run(args const& a, storage&) {
    int const k = static_cast<int>(blockIdx.x) * threads + static_cast<int>(threadIdx.x);
    if (k < a.padded_count) a.padded[k] = k < a.count ? a.bias[k] : 0.f;
  }
};

}  // namespace oxbow::on_cuda
