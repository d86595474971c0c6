// Every step of the paper's two plans by itself: one line each, named by its fused ops.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <string>

#include <oxbow/host/network.hpp>
#include <oxbow/lower/names.hpp>
#include <oxbow/net/named.hpp>
using namespace oxbow;

namespace {

using em = model<unet_2015, tile<572, 572>>;

/// Runs a program a few times and reports each step's shortest time. repack: with packing the step's weights, as when
/// they change between runs.
template <class Program> void report_steps(char const* name, bool repack) {
  on_host::thread_pool pool;
  on_host::executor<Program, on_host::native> run{pool, repack};
  std::vector<float> parameters(static_cast<std::size_t>(em::forward.parameter_count), 0.01f), gradients(parameters.size());
  std::fill_n(reinterpret_cast<float*>(run.arena()), Program::peak_bytes / 4, 0.5f);
  run.pack_all(parameters.data());
  constexpr int steps = Program::steps.steps.size();
  std::vector<double> best(steps, 1e9);
  for (int repeat = 0; repeat < 3; ++repeat) {
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
      label += (k == 0 ? ":" : "+") + op_name(Program::graph, Program::graph.ops[Program::steps.instructions[step.first + k].op]);
    benchmark::RegisterBenchmark(label.c_str(), [seconds = best[static_cast<std::size_t>(i)], &step](benchmark::State& state) {
      for (auto _ : state) state.SetIterationTime(seconds);
      state.counters["gmacs"] = static_cast<double>(step.multiply_adds) / seconds / 1e9;
      state.counters["mbytes"] = static_cast<double>(step.bytes_read + step.bytes_written) / 1e6;
    })->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);
  }
}

}  // namespace

int main(int argc, char** argv) {
  report_steps<em::inference>("infer", false);
  report_steps<em::training>("train", true);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
