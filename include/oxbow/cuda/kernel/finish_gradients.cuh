// The last pass of a training step: adds the sums that blocks have left, each in a fixed order.
#pragma once
#include <oxbow/cuda/kernel/finish_job.cuh>
#include <oxbow/cuda/kernel/job_of_block.cuh>
#include <oxbow/cuda/kernel/run_scalars.cuh>
#include <oxbow/cuda/kernel/squares.cuh>

namespace oxbow::on_cuda {

/// Gradients (+)= the sums, with the loss scale taken out. All of a program in one launch: the same bits every time,
/// because sums are added in the order of the blocks that left them.
///
/// A block owns 32 channels of a bias, 32 outputs of an entry of an image's weights, or a number of a head's.
///
/// cost    reads what was left once
struct finish_gradients {
  static constexpr int threads = finish_job::threads, warps = threads / 32;
  using measure = squares<threads>;
  struct storage {
    int job;
    bool last;
    union {
      float4 part[threads];
      float bias[warps][bias_sums::block_channels];
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
    target const to{a.run->writer()};
    double written = 0;
    if (job.bias.sums) written = add_bias(job.bias, s, block - job.first_block, to);
    else if (job.image.sums) written = add_image(job.image, s, block - job.first_block, to);
    else if (job.head.sums) written = add_head(job.head, s, block - job.first_block, to);
    else add_losses(job.loss, s, block - job.first_block);
    __syncthreads();
    measure::leave(written, a.squares + block, s.temporary);
  }

 private:
  struct target {
    gradient_writer writer;
    __device__ double operator()(float& gradient, float sum) const {
      return measure::of(writer.write(gradient, writer.before(gradient), sum));
    }
  };

  // Each returns the squares of what the thread has written.

  __device__ static double add_bias(bias_sums const& a, storage& s, int block, target const& into) {
    int const lane = threadIdx.x % 32, warp = threadIdx.x / 32, k = block * bias_sums::block_channels + lane;
    int const width = (a.channels + 7) / 8 * 8;
    float sum = 0;
    if (k < a.channels)
#pragma unroll 4
      for (int part = warp; part < a.parts; part += warps) sum += a.sums[static_cast<std::int64_t>(part) * width + k];
    s.bias[warp][lane] = sum;
    __syncthreads();
    if (warp > 0 || k >= a.channels) return 0;
    sum = 0;
    for (int w = 0; w < warps; ++w) sum += s.bias[w][lane];
    return into(a.bias[k], sum);
  }

  /// Eight lanes read the 32 outputs of an entry of one split, so that as many loads as may be are under way at a time.
  __device__ static double add_image(image_sums const& a, storage& s, int block, target const& into) {
    constexpr int lanes = image_sums::block_outputs / 4, groups = threads / lanes;
    int const entry = block / a.output_blocks(), k0 = block % a.output_blocks() * image_sums::block_outputs;
    int const group = threadIdx.x / lanes, lane = threadIdx.x % lanes;
    float4 sum{};
#pragma unroll 4
    for (int split = group; split < a.splits; split += groups) {
      auto const v = *reinterpret_cast<float4 const*>(
          a.sums + (static_cast<std::int64_t>(split) * a.padded_entries + entry) * a.padded_outputs + k0 + lane * 4);
      sum.x += v.x, sum.y += v.y, sum.z += v.z, sum.w += v.w;
    }
    s.part[threadIdx.x] = sum;
    __syncthreads();
    int const mine = threadIdx.x, k = k0 + mine;
    if (mine >= image_sums::block_outputs || k >= a.outputs) return 0;
    float all = 0;
    auto const* const parts = reinterpret_cast<float const*>(s.part) + mine;
    for (int g = 0; g < groups; ++g) all += parts[g * image_sums::block_outputs];
    return into(entry < a.entries ? a.weight[static_cast<std::int64_t>(k) * a.entries + entry] : a.bias[k], all);
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

  __device__ static void add_losses(loss_sums const& a, storage& s, int block) {
    std::int64_t const first = block * loss_sums::block_pixels;
    double sum = 0;
#pragma unroll
    for (int i = 0; i < loss_sums::block_pixels / threads; ++i) {
      std::int64_t const at = first + i * threads + static_cast<int>(threadIdx.x);
      sum += at < a.count ? static_cast<double>(a.pixels[at]) : 0.;
    }
    double const part = measure::reduce(s.temporary).Sum(sum);
    if (threadIdx.x == 0) {
      a.parts[block] = part;
      __threadfence();
      s.last = atomicAdd(a.arrived, 1u) == static_cast<unsigned>(a.blocks() - 1);
    }
    __syncthreads();
    if (!s.last) return;
    __threadfence();
    sum = 0;
#pragma unroll 4
    for (int i = threadIdx.x; i < a.blocks(); i += threads) sum += __ldcg(a.parts + i);
    double const total = measure::reduce(s.temporary).Sum(sum);
    if (threadIdx.x == 0) *a.out = total, *a.arrived = 0;
  }
};

}  // namespace oxbow::on_cuda
