// The last pass of a training step: adds the sums that blocks have left, each in a fixed order.
#pragma once
#include <oxbow/cuda/kernel/finish_job.cuh>
#include <oxbow/cuda/kernel/job_of_block.cuh>
#include <oxbow/cuda/kernel/run_scalars.cuh>
#include <oxbow/cuda/kernel/squares.cuh>

namespace oxbow::on_cuda {

/// Gradients (+)= the sums, with the loss scale taken out. All layers of a program in one launch: the same bits every
/// time, because sums are added in the order of the blocks that left them.
///
/// For a layer a block owns 8 inputs × 32 outputs: it reads runs of 32 outputs and writes runs of 8 · taps weights. For
/// a head a block owns one number.
///
/// cost    reads each layer's weights `splits` times, mostly from L2, and writes them once
struct finish_gradients {
  static constexpr int threads = finish_job::threads, inputs = finish_job::inputs, outputs = finish_job::outputs;
  static constexpr int most_taps = finish_job::most_taps;
  using measure = squares<threads>;
  struct storage {
    int job;
    union {
      float sum[outputs][inputs * most_taps + 1];
      float bias[8][outputs];
      typename measure::storage temporary;
    };
  };
  struct args {
    finish_job const* jobs;
    int count;
    run_scalars const* run;
    double* squares;  ///< of the gradients that each block writes
  };

  __device__ static void run(args const& a, storage& s) {
    int const block = static_cast<int>(blockIdx.x);
    finish_job const& job = a.jobs[job_of_block<threads>(a.jobs, a.count, s.job)];
    target const to{a.run->accumulate != 0, 1.f / a.run->loss_scale()};
    double written = 0;
    if (job.layer.splits > 0) written = add_layer(job.layer, s, block - job.first_block, to);
    else if (job.head.sums) written = add_head(job.head, s, block - job.first_block, to);
    else add_losses(job.loss, s);
    __syncthreads();
    measure::leave(written, a.squares + block, s.temporary);
  }

 private:
  struct target {
    bool add;          ///< to what is there
    float unscale;     ///< a power of two
    __device__ double operator()(float& gradient, float sum) const {
      return measure::of(run_scalars::add_gradient(gradient, sum, add, unscale));
    }
  };

  // Each returns the squares of what the thread has written.

  __device__ static double add_layer(layer_sums const& a, storage& s, int tile, target const& into) {
    int const tiles_k = a.tiles_k(), all = a.weight ? a.weight_blocks() : 0;
    int const lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    if (tile >= all) return add_bias_sums(a, s, (tile - all) * outputs, into);
    int const c0 = tile / tiles_k * inputs, k0 = tile % tiles_k * outputs, taps = a.sums.taps;
    // eight lanes read the 32 outputs of one entry
    std::int64_t const next = a.sums.split_floats() / 4;
    int const k = lane % 8 * 4;
    for (int i = warp * 4 + lane / 8; i < inputs * taps; i += threads / 8) {
      int const c = i / taps, tap = i - c * taps;
      auto const* from = reinterpret_cast<float4 const*>(
          a.sums.weight + (static_cast<std::int64_t>(tap * a.sums.inputs + c0 + c) * a.sums.outputs + k0 + k));
      float4 sum = *from;
#pragma unroll 8
      for (int split = 1; split < a.splits; ++split) {  // so many loads are under way at a time
        from += next;
        float4 const v = *from;
        sum.x += v.x, sum.y += v.y, sum.z += v.z, sum.w += v.w;
      }
      s.sum[k][i] = sum.x, s.sum[k + 1][i] = sum.y, s.sum[k + 2][i] = sum.z, s.sum[k + 3][i] = sum.w;
    }
    __syncthreads();
    // a warp writes the entries of one output after the other, 32 neighbours at a time
    double written = 0;
    for (int entry = lane; entry < inputs * taps; entry += 32) {
      int const place = c0 + entry / taps;
      int const c = place < a.first_padded ? place : place - a.first_padded + a.first;
      if (place < a.first_padded ? place >= a.first : c >= a.first + a.second) continue;
      float* const to = a.weight + k0 * a.out_stride + c * a.in_stride + entry % taps;
      for (int o = warp; o < outputs && k0 + o < a.outputs_real; o += threads / 32)
        written += into(to[o * a.out_stride], s.sum[o][entry]);
    }
    return written;
  }

  __device__ static double add_bias_sums(layer_sums const& a, storage& s, int k0, target const& into) {
    int const lane = threadIdx.x % 32, warp = threadIdx.x / 32, k = k0 + lane;
    int const width = (a.bias_count + 7) / 8 * 8;
    float sum = 0;
    if (k < a.bias_count)
      for (int part = warp; part < a.bias_parts; part += 8)
        sum += a.sums.bias[static_cast<std::int64_t>(part) * width + k];
    s.bias[warp][lane] = sum;
    __syncthreads();
    if (warp > 0 || k >= a.bias_count) return 0;
    sum = 0;
    for (int w = 0; w < 8; ++w) sum += s.bias[w][lane];
    return into(a.bias[k], sum);
  }

  __device__ static double add_head(head_sums const& a, storage& s, int i, target const& into) {
    int const all = a.classes * a.width + a.classes, weights = a.classes * a.channels;
    int const from = i < weights ? i / a.channels * a.width + i % a.channels : a.classes * a.width + i - weights;
    double sum = 0;
    for (int tile = threadIdx.x; tile < a.tiles; tile += threads)
      sum += static_cast<double>(a.sums[static_cast<std::int64_t>(tile) * all + from]);
    double const total = measure::reduce(s.temporary).Sum(sum);
    if (threadIdx.x != 0) return 0;
    return into(i < weights ? a.weight[i] : a.bias[i - weights], static_cast<float>(total));
  }

  __device__ static void add_losses(loss_sums const& a, storage& s) {
    double sum = 0;
#pragma unroll 8
    for (std::int64_t i = threadIdx.x; i < a.count; i += threads) sum += static_cast<double>(a.pixels[i]);
    double const total = measure::reduce(s.temporary).Sum(sum);
    if (threadIdx.x == 0) *a.out = total;
  }
};

}  // namespace oxbow::on_cuda
