// What the benchmarks share: the machine's peak, and a network with something to compute.
#pragma once
#include <benchmark/benchmark.h>

#include <chrono>

#include <oxbow/core/large_pages.hpp>
#include <oxbow/host/network.hpp>
#include <oxbow/train/update.hpp>

namespace oxbow::bench {

/// Multiply-adds per second that the machine reaches with nothing but FMA instructions on registers, all threads
/// together: measured in this very process, because it changes with clock, neighbours and instruction set.
inline double peak_multiply_adds(int threads) {
  using v = on_host::vec<on_host::native>;
  constexpr int chains = 12;
  constexpr std::int64_t rounds = 20'000'000;
  on_host::thread_pool pool{threads};
  auto const run = [&](std::int64_t count) {
    pool.run(pool.size(), [&](int, std::int64_t) {
      v sum[chains];
      for (v& s : sum) s = v(1.f);
      v factor(0.999f), term(0.001f);
      benchmark::DoNotOptimize(factor);
      benchmark::DoNotOptimize(term);
      for (std::int64_t i = 0; i < count; ++i)
#pragma GCC unroll 12
        for (int k = 0; k < chains; ++k) sum[k] = on_host::multiply_add(sum[k], factor, term);
      for (v& s : sum) benchmark::DoNotOptimize(s);
    });
  };
  run(rounds / 2);  // until each thread has a core of its own, which the network's threads had before
  auto const begin = std::chrono::steady_clock::now();
  run(rounds);
  double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return static_cast<double>(rounds * chains * on_host::width_of<on_host::native> * pool.size()) / seconds;
}

/// A network on all cores, with a tile, labels and room for the logits.
template <class Model> struct subject {
  network<Model, host> net{host{}, seed{1}};
  image<float> tile{Model::tile, Model::input_channels};
  label_image labels{Model::output};
  image<float> logits{Model::output, Model::classes};

  subject() {
    random_stream const s{1, purpose::example_data};
    for (std::size_t i = 0; i < tile.data.size(); ++i) tile.data[i] = s.uniform(i, -1, 1);
    for (std::size_t i = 0; i < labels.data.size(); ++i)
      labels.data[i] = static_cast<std::uint8_t>(s.below(i, static_cast<std::uint32_t>(Model::classes)));
  }
};

/// Runs f for as long as the benchmark asks and sets the counters. over_direct_peak: how much faster than the network's
/// multiply-adds one by one at the machine's peak, which no direct convolution can beat.
template <class F> void measure(benchmark::State& state, std::int64_t multiply_adds, int threads, F&& f) {
  f();                                         // the first run allocates, packs and touches its memory
  double const before = peak_multiply_adds(threads);
  double seconds = 0;
  for (auto _ : state) {
    auto const begin = std::chrono::steady_clock::now();
    f();
    double const s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    state.SetIterationTime(s);
    seconds += s;
  }
  double const peak = (before + peak_multiply_adds(threads)) / 2;
  seconds /= static_cast<double>(state.iterations());
  state.counters["gmacs"] = static_cast<double>(multiply_adds) / seconds / 1e9;
  state.counters["gmacs_peak"] = peak / 1e9;
  state.counters["over_direct_peak"] = static_cast<double>(multiply_adds) / peak / seconds;
}

template <class Model> void infer(benchmark::State& state) {
  subject<Model> s;
  measure(state, Model::multiply_adds, s.net.threads(), [&] { s.net.infer(std::as_const(s.tile).view(), s.logits.view()); });
  state.counters["peak_mbytes"] = static_cast<double>(s.net.bytes()) / 1e6;
}

/// A whole step: loss and gradients of `Batch` tiles, then the update of every parameter by momentum, after which the
/// weights are packed anew.
template <class Model, int Batch = 1> void train(benchmark::State& state) {
  subject<Model> s;
  std::vector<std::vector<float>> velocity{many_zeros(static_cast<std::size_t>(s.net.trainable_count()))};
  auto const rule = sgd{.rate = 1e-5f, .momentum = 0.99f}.at(0, 1);
  auto const for_each = [&](std::int64_t count, auto&& f) { s.net.for_each(count, f); };
  measure(state, Batch * Model::training::steps.multiply_adds(), s.net.threads(), [&] {
    for (int i = 0; i < Batch; ++i)
      s.net.loss_and_gradients(std::as_const(s.tile).view(), std::as_const(s.labels).view(), {}, {}, i > 0);
    update_parameters<1>(rule, 1.f / Batch, s.net.parameters().first(velocity[0].size()),
                         s.net.gradients().first(velocity[0].size()), velocity, for_each);
  });
  state.counters["peak_mbytes"] = static_cast<double>(s.net.bytes()) / 1e6;
}

}  // namespace oxbow::bench
