// Every step of a plan by itself, and what it moves beside a copy.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include <oxbow/lower/names.hpp>

#include "networks.hpp"

namespace oxbow::bench {

/// Bytes per second of a copy by memcpy, all threads together, those read and those written: measured in this very
/// process, in arrays that no cache holds. Not the most that memory does: stores through the caches read before they
/// write.
inline double copy_bytes_per_second(int threads) {
  constexpr std::int64_t chunk = std::int64_t{1} << 20, chunks = 256;
  std::vector<char> from(chunks * chunk, 1), to(from.size());
  on_host::thread_pool pool{threads};
  double best = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    auto const begin = std::chrono::steady_clock::now();
    pool.run(chunks, [&](int, std::int64_t i) { std::memcpy(to.data() + i * chunk, from.data() + i * chunk, chunk); });
    benchmark::DoNotOptimize(to.data());
    double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    best = std::max(best, 2. * chunk * chunks / seconds);
  }
  return best;
}

/// Runs a program a few times on all cores and reports each step's shortest time, one line each, named by its fused
/// ops; with the bytes of its tensors, those that it reads and those that it writes, and their rate beside a copy's.
/// repack: with packing the step's weights, as when they change between runs.
template <class Model, class Program> void report_steps(char const* name, bool repack, int repeats = 3) {
  on_host::thread_pool pool;
  on_host::executor<Program, on_host::native> run{pool, repack};
  std::vector<float> parameters(static_cast<std::size_t>(Model::forward.parameter_count), 0.01f),
      gradients(parameters.size());
  std::fill_n(reinterpret_cast<float*>(run.arena()), Program::peak_bytes / 4, 0.5f);
  run.pack_all(parameters.data());
  constexpr int steps = Program::steps.steps.size();
  std::vector<double> best(steps, 1e9);
  double const copied = copy_bytes_per_second(pool.size());
  for (int repeat = 0; repeat < repeats; ++repeat) {
    auto begin = std::chrono::steady_clock::now();
    run.run(parameters.data(), gradients.data(), {}, 1e-5f, false, [&](int step) {
      auto const end = std::chrono::steady_clock::now();
      double& b = best[static_cast<std::size_t>(step)];
      b = std::min(b, std::chrono::duration<double>(end - begin).count());
      begin = end;
    });
  }
  for (int i = 0; i < steps; ++i) {
    auto const& step = Program::steps.steps[i];
    std::string label = std::string{name} + "/" + (i < 10 ? "0" : "") + std::to_string(i);
    for (int k = 0; k < step.count; ++k)
      label += (k == 0 ? ":" : "+") +
               op_name(Program::graph, Program::graph.ops[Program::steps.instructions[step.first + k].op]);
    auto const report = [=, seconds = best[static_cast<std::size_t>(i)], &step](benchmark::State& state) {
      for (auto _ : state) state.SetIterationTime(seconds);
      double const bytes = static_cast<double>(step.bytes_read + step.bytes_written);
      state.counters["gmacs"] = static_cast<double>(step.multiply_adds) / seconds / 1e9;
      state.counters["mbytes"] = bytes / 1e6;
      state.counters["of_copy"] = bytes / seconds / copied;
    };
    benchmark::RegisterBenchmark(label.c_str(), report)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);
  }
}

}  // namespace oxbow::bench
