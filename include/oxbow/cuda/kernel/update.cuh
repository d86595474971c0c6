// The optimizer over the flat parameter arena, the length of the gradient, and the scale of the loss.
#pragma once
#include <array>
#include <cub/block/block_reduce.cuh>

#include <oxbow/cuda/kernel/parameter_tiles.cuh>

namespace oxbow::on_cuda {

/// The scale of the loss in 16-bit training, and whether the step that is being made is to be left out. In device
/// memory: no step waits for the host to look at it.
/// source  Micikevicius et al.: Mixed precision training. ICLR 2018, section 3.2
struct scale_state {
  float scale = 1;
  int good = 0;  ///< steps since the scale was last changed
  int skip = 0;
  int adapts = 0;  ///< 0: the scale stays what it is, and nothing is skipped
};

/// out = the length of the gradient: the root of the sum of the squares that blocks have left. And what it says about
/// the scale: halved and the step skipped where it is not finite, doubled after `patience` steps that were. One block.
struct gradient_norm {
  static constexpr int threads = 256, patience = 2000;
  using reduce = cub::BlockReduce<double, threads>;
  using storage = typename reduce::TempStorage;
  struct args {
    double const* squares;
    int count;
    double* out;
    scale_state* scale;
  };
  __device__ static void run(args const& a, storage& smem) {
    double sum = 0;
#pragma unroll 8
    for (int i = threadIdx.x; i < a.count; i += threads) sum += a.squares[i];
    double const length = sqrt(reduce(smem).Sum(sum));
    if (threadIdx.x != 0) return;
    *a.out = length;
    judge(*a.scale, isfinite(length));
  }

 private:
  __device__ static void judge(scale_state& s, bool finite) {
    if (!s.adapts) return;
    s.skip = !finite;
    s.good = finite ? s.good + 1 : 0;
    if (!finite) s.scale *= 0.5f;
    if (s.good == patience) s.scale = s.scale < 0x1p24f ? s.scale * 2 : s.scale, s.good = 0;
  }
};

/// parameter i ← rule(parameter i, scale · gradient i, the buffers' i-th elements), for all i in one launch, and into
/// the copies that the next step's convolutions read: the rule is the functor that the host's loop calls. The table
/// has every parameter that learns. A step that is to be skipped changes nothing.
/// cost  reads parameters, gradients and buffers once, writes parameters, buffers and copies once
template <class T, class Rule, int Buffers> struct update_parameters {
  using tiles = parameter_tiles<T>;
  static constexpr int threads = tiles::threads, resident = tiles::resident;
  using storage = typename tiles::storage;
  struct change {
    Rule rule;
    float scale;
    float* parameters;
    float const* gradients;
    std::array<float*, Buffers> buffers;

    struct element {
      float parameter, gradient, state[Buffers > 0 ? Buffers : 1];
    };
    __device__ element read(std::int64_t i) const {
      element x;
      x.parameter = parameters[i], x.gradient = gradients[i];
      for (int k = 0; k < Buffers; ++k) x.state[k] = buffers[static_cast<std::size_t>(k)][i];
      return x;
    }
    __device__ float finish(element x, std::int64_t i) const {
      std::array<float*, Buffers> state{};
      for (int k = 0; k < Buffers; ++k) state[static_cast<std::size_t>(k)] = x.state + k;
      rule(x.parameter, scale * x.gradient, state);
      parameters[i] = x.parameter;
      for (int k = 0; k < Buffers; ++k) buffers[static_cast<std::size_t>(k)][i] = x.state[k];
      return x.parameter;
    }
  };
  struct args {
    parameter_table table;
    change how;
    scale_state const* state;
  };
  __device__ static void run(args const& a, storage& s) {
    if (!a.state->skip) tiles::run(a.table, a.how, s);
  }
};

}  // namespace oxbow::on_cuda
