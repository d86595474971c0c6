// What the counts of whole programs are made of: the paper's network at its size, and the fewest bytes that its plan can
// move.
#pragma once
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <oxbow/core/random.hpp>
#include <oxbow/cuda/run/network.cuh>
#include <oxbow/net/named.hpp>

namespace oxbow::benchmarks {

using paper = model<unet_2015, tile<572, 572>>;
using backend = tuned<cuda_f16, on_cuda::OXBOW_BENCHMARK_CHIP>;  // sm80 or sm90

inline image<float> noise(extent size) {
  image<float> x(size);
  random_stream const s{1, purpose::noise};
  for (std::size_t i = 0; i < x.data.size(); ++i) x.data[i] = s.uniform(i, -1, 1);
  return x;
}

/// If the program is given a number: runs f so often and prints the time of one run, uploads and the answer included.
template <class F> void time_runs(int count, char** words, F&& f) {
  int const runs = count > 1 ? std::atoi(words[1]) : 0;
  if (runs < 1) return;
  for (int i = 0; i < 5; ++i) f();  // the clock rises, the graph is captured
  auto const begin = std::chrono::steady_clock::now();
  for (int i = 0; i < runs; ++i) f();
  std::chrono::duration<double, std::milli> const all = std::chrono::steady_clock::now() - begin;
  std::printf("milliseconds %.4f\n", all.count() / runs);
}

/// Bytes between memory and kernels if every step reads what it sees of each tensor once, and writes each once. Weights
/// are not in it.
template <class Program> std::int64_t fewest_bytes() {
  using t = oxbow::program_tables<Program>;
  auto const bytes_of_box = [](operand const& o, std::int64_t pixels) {
    return pixels * (o.octets ? layout_of_octets::padded(o.count) : o.count) * bits_of(o.type) / 8;
  };
  std::int64_t sum = 0;
  for (int s = 0; s < t::steps; ++s) {
    std::vector<std::array<std::int64_t, 3>> seen;  // an operand that two ops of a step read is read once
    plan_step const& step = t::whole.steps.items[s];
    for (int i = step.first; i < step.first + step.count; ++i) {
      instruction const& op = t::instructions.items[i];
      for (auto const& in : op.in)
        for (int n = 0; n < in.count; ++n) {
          operand const& o = t::operands.items[in.first + n];
          std::array<std::int64_t, 3> const key{o.offset, o.low.height, o.first_channel};
          if (std::find(seen.begin(), seen.end(), key) != seen.end()) continue;
          seen.push_back(key);
          sum += bytes_of_box(o, std::int64_t{o.high.depth - o.low.depth} * (o.high.height - o.low.height) *
                                     (o.high.width - o.low.width));
        }
      for (auto const& out : op.out)
        if (out.operand != none && !out.to_gradients)
          sum += bytes_of_box(t::operands.items[out.operand], t::operands.items[out.operand].size.volume());
    }
  }
  return sum;
}

}  // namespace oxbow::benchmarks
