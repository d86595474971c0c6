// Parameters tile by tile: each is read, perhaps changed, and written into its packed copies. The only code that packs.
#pragma once
#include <cstdint>

#include <oxbow/cuda/kernel/job_of_block.cuh>
#include <oxbow/cuda/kernel/parameter_job.cuh>
#include <oxbow/cuda/tile/octet.cuh>
#include <oxbow/ops/norm_factors.hpp>

namespace oxbow::on_cuda {

/// Everything that is to be done for all parameters of a program, a block per tile.
struct parameter_table {
  parameter_job const* jobs;
  packed_copy const* copies;
  int count;                ///< of jobs
  float const* parameters;  ///< for the norms that copies absorb
  std::byte* packed;
};

/// What a tile goes through on its way to the copies: change.read(i) fetches what belongs to parameter i,
/// change.finish(that, i) makes of it the parameter's value. Reads come four at a time, so that many are under way.
///
/// A block holds 32 rows × 32 columns × up to nine taps in shared memory as floats. It walks along rows of the tensor,
/// which lie in memory in runs of 32 · taps, and writes copies in runs of 128 bytes.
///
/// needs   a tensor of fewer than 2^31 elements
/// cost    what read and finish cost, and a store of each copy
template <class T> struct parameter_tiles {
  static constexpr int threads = 256, resident = 3, warps = threads / 32, edge = parameter_job::edge, most_taps = 9;
  /// Where the elements of a tile lie, chosen so that with 16 bits and 1, 4 or 9 taps the lanes of a warp meet in no
  /// bank, neither where a step of columns meets four octets of rows nor the other way round: (row, column, tap), a gap
  /// after each octet.
  template <int Taps> struct places {
    static constexpr int pitch = Taps == 4 ? 132 : edge * (Taps ? Taps : most_taps) + 1, gap = Taps == 4 ? 1 : 0;
  };
  struct storage {
    float value[edge * places<most_taps>::pitch];
    float factor[edge];
    int job;
  };

  template <class Change> __device__ static void run(parameter_table const& t, Change const& change, storage& s) {
    // a copy: stores might change what a reference names
    parameter_job const job = t.jobs[job_of_block<threads>(t.jobs, t.count, s.job)];
    int const taps = job.taps;
    if (taps == 0) run_of(t, job, change);
    else if (taps == 9) tile_of<9>(t, job, change, s, 9);
    else if (taps == 4) tile_of<4>(t, job, change, s, 4);
    else if (taps == 1) tile_of<1>(t, job, change, s, 1);
    else
      for (int first = 0; first < taps; first += most_taps)
        tile_of<0>(t, job, change, s, min(most_taps, taps - first), first);
  }

 private:
  __device__ static ops::norm_factor factor(parameter_table const& t, parameter_job const& job, int output) {
    float const* const p = t.parameters;
    return ops::running_factor_of(p[job.scale + output], p[job.shift + output], p[job.mean + output],
                                  p[job.variance + output]);
  }

  /// Elements one by one, into copies that are rows of floats.
  template <class Change>
  __device__ static void run_of(parameter_table const& t, parameter_job const& job, Change const& change) {
    constexpr int each = 4;
    int const columns = job.columns(), count = job.rows * columns;
    int const first = (static_cast<int>(blockIdx.x) - job.first_block) * parameter_job::run;
    int const end = min(count, first + parameter_job::run);
    for (int i = first + static_cast<int>(threadIdx.x); i < end; i += each * threads) {
      typename Change::element x[each];
#pragma unroll
      for (int u = 0; u < each; ++u)
        if (i + u * threads < end) x[u] = change.read(job.from + i + u * threads);
#pragma unroll
      for (int u = 0; u < each; ++u) {
        int const at = i + u * threads;
        if (at >= end) continue;
        float v = change.finish(x[u], job.from + at);
        if (job.scale >= 0) {
          ops::norm_factor const f = factor(t, job, job.is_bias ? at % columns : at / columns);
          v = job.is_bias ? v * f.a + f.b : v * f.a;
        }
        for (int c = 0; c < job.copies; ++c) row_of(t, t.copies[job.first_copy + c], at / columns)[at % columns] = v;
      }
    }
  }
  __device__ static float* row_of(parameter_table const& t, packed_copy const& copy, int row) {
    return reinterpret_cast<float*>(t.packed + copy.to) + static_cast<std::int64_t>(row) * copy.width;
  }

  /// A part of a tensor in shared memory: its corner, its size, and the taps [first_tap, first_tap + taps).
  struct part {
    int row0, column0, rows, columns, taps, first_tap;
  };

  /// If the number of taps is no constant, Taps is zero.
  template <int Taps, class Change>
  __device__ static void tile_of(parameter_table const& t, parameter_job const& job, Change const& change, storage& s,
                                 int count, int first_tap = 0) {
    constexpr int each = edge / warps, pitch = places<Taps>::pitch, gap = places<Taps>::gap;
    int const taps = Taps ? Taps : count, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int const tile = static_cast<int>(blockIdx.x) - job.first_block, row0 = tile / job.column_tiles() * edge;
    int const of_row = tile % job.column_tiles(), of_second = of_row - parameter_job::tiles(job.first);
    int const column0 = of_second < 0 ? of_row * edge : job.first + of_second * edge;
    part const here{row0, column0, min(edge, job.rows - row0),
                    min(edge, (of_second < 0 ? job.first : job.columns()) - column0), taps, first_tap};
    if (job.scale >= 0) {
      int const k = (job.rows_are_outputs ? row0 : column0) + lane;
      if (warp == 0 && lane < (job.rows_are_outputs ? here.rows : here.columns)) s.factor[lane] = factor(t, job, k).a;
      __syncthreads();
    }
    int const row_floats = job.columns() * job.taps;
    std::int64_t const from = job.from + (static_cast<std::int64_t>(row0) * job.columns() + column0) * job.taps +
                              first_tap + static_cast<std::int64_t>(warp) * row_floats;
#pragma unroll 1
    for (int i = lane; i < edge * taps; i += 32) {
      bool const real = i < here.columns * taps;
      std::int64_t const at = from + (Taps ? i : i / taps * job.taps + i % taps);
      typename Change::element x[each];
#pragma unroll
      for (int u = 0; u < each; ++u)
        if (real && warp + u * warps < here.rows) x[u] = change.read(at + u * warps * row_floats);
#pragma unroll
      for (int u = 0; u < each; ++u) {
        int const row = warp + u * warps;
        float v = 0;
        if (real && row < here.rows) {
          v = change.finish(x[u], at + u * warps * row_floats);
          if (job.scale >= 0) v *= s.factor[job.rows_are_outputs ? row : i / taps];
        }
        s.value[row * pitch + row / 8 * gap + i + i / (8 * taps) * gap] = v;
      }
    }
    __syncthreads();
    for (int c = 0; c < job.copies; ++c) {
      packed_copy const copy = t.copies[job.first_copy + c];
      if (copy.width == 0 && copy.octets) store_octets<Taps>(t, copy, here, s);
      else store_one_by_one<Taps>(t, copy, here, s);
    }
    __syncthreads();
  }

  /// A warp takes a step of inputs times up to 32 outputs, for one tap: 16 bytes of each lane for four outputs of every
  /// octet, then for the other four.
  template <int Taps>
  __device__ static void store_octets(parameter_table const& t, packed_copy const& copy, part const& p,
                                      storage const& s) {
    constexpr int gap = places<Taps>::gap, pitch = places<Taps>::pitch, per = numbers_per_word<T>;
    constexpr int step_inputs = 8 * per, each = 2 * per;  // of a lane, for one n-tile
    packing const order = copy.order;
    std::byte* const packed = t.packed + copy.to;
    bool const by_rows = order.out_is_row;
    int const taps = Taps ? Taps : p.taps, lane = threadIdx.x % 32, octet = lane / 8 * 8, odd = lane / 4 % 2;
    int const outputs = by_rows ? p.rows : p.columns, inputs = by_rows ? p.columns : p.rows;
    if (octet >= outputs) return;
    int const out = (by_rows ? p.row0 : p.column0) + octet, in0 = by_rows ? p.column0 : p.row0;
    int const next_out = by_rows ? pitch : taps, next_in = by_rows ? taps : pitch;  // without the gaps between octets
    float const* const mine = s.value + (octet + odd) * next_out + octet / 8 * gap + per * (lane % 4) * next_in;
    int const steps = (inputs + step_inputs - 1) / step_inputs;
    for (int i = threadIdx.x / 32; i < steps * taps; i += warps) {
      int const step = i / taps, tap = i - step * taps;
      float const* const from = mine + step * (step_inputs * next_in + step_inputs / 8 * gap) + tap;
      std::int64_t const place = order.place(out, in0 + step * step_inputs, p.first_tap + tap) + lane % 8 * (2 * each);
      std::byte* const to = packed + place * static_cast<std::int64_t>(sizeof(T));
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        std::uint32_t r[4];
#pragma unroll
        for (int word = 0; word < 4; ++word) {
          float v[2];
#pragma unroll
          for (int n = 0; n < per; ++n) {
            int const e = word * per + n, k = half * 4 + e / each * 2, j = e % each;
            v[n] = from[k * next_out + (per == 2 ? j / 2 * (8 * next_in + gap) + j % 2 * next_in : j * 4 * next_in)];
          }
          r[word] = pair_of<T>(v[0], v[per - 1]);
        }
        ptx::store_global(to + half * 512, r);
      }
    }
  }

  /// For rows of floats, and for an order that cuts its octets elsewhere.
  template <int Taps>
  __device__ static void store_one_by_one(parameter_table const& t, packed_copy const& copy, part const& p,
                                          storage const& s) {
    constexpr int gap = places<Taps>::gap, pitch = places<Taps>::pitch;
    int const taps = Taps ? Taps : p.taps, row_elements = p.columns * taps;
    for (int i = threadIdx.x; i < p.rows * row_elements; i += threads) {
      int const row = i / row_elements, rest = i % row_elements, column = rest / taps, tap = rest % taps;
      float const v = s.value[row * pitch + row / 8 * gap + rest + column / 8 * gap];
      int const r = p.row0 + row, c = p.column0 + column;
      if (copy.width > 0) {
        row_of(t, copy, r)[c] = v;
        continue;
      }
      bool const by_rows = copy.order.out_is_row;
      std::int64_t const place = copy.order.place(by_rows ? r : c, by_rows ? c : r, p.first_tap + tap);
      std::uint32_t const word = pair_of<T>(v, v);
      if constexpr (numbers_per_word<T> == 2)
        reinterpret_cast<std::uint16_t*>(t.packed + copy.to)[place] = static_cast<std::uint16_t>(word);
      else reinterpret_cast<std::uint32_t*>(t.packed + copy.to)[place] = word;
    }
  }
};

}  // namespace oxbow::on_cuda
