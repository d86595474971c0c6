// What making a sample costs beside the step that learns from it: less than a twentieth of it is the goal.
#include <oxbow/augment/blur.hpp>
#include <oxbow/augment/elastic.hpp>
#include <oxbow/augment/gather.hpp>
#include <oxbow/augment/grey.hpp>
#include <oxbow/augment/rigid.hpp>
#include <oxbow/core/threads.hpp>
#include <oxbow/objects/border_weights.hpp>

#include "networks.hpp"
using namespace oxbow;

namespace {

sample whole() {
  extent const size{1, 512, 512};
  sample s{image<float>(size), label_image(size), image<float>(size, 1, 1.f)};
  random_stream const random{1, purpose::example_data};
  for (std::size_t i = 0; i < s.input.data.size(); ++i) {
    s.input.data[i] = random.uniform(i);
    s.labels.data[i] = i / 24 % 3 != 0 && i / (512 * 21) % 4 != 0;
  }
  return s;
}

/// One sample of 256 × 256, on as many threads as the argument says; 0: one for each core, as a training step has.
template <class Pipeline> void make_sample(benchmark::State& state, Pipeline const& maps) {
  thread_pool pool{static_cast<int>(state.range(0))};
  extent const tile{1, 256, 256};
  sample const from = whole();
  sample to{image<float>(tile), label_image(tile), image<float>(tile)};
  std::uint32_t step = 0;
  for (auto _ : state) {
    gather(from, draw(maps, {1, step++, 0}, tile), {0, 100, 120}, to, pool);
    benchmark::DoNotOptimize(to.input.data.data());
  }
}

void paper(benchmark::State& state) { make_sample(state, elastic{} | rotate{} | mirror{} | shift{} | grey{}); }
void paper_and_blur(benchmark::State& state) {
  make_sample(state, elastic{} | rotate{} | mirror{} | shift{} | grey{} | blur{.probability = 0.25f});
}
void copy(benchmark::State& state) { make_sample(state, pipeline<>{}); }

void weigh(benchmark::State& state) {
  sample const from = whole();
  for (auto _ : state) benchmark::DoNotOptimize(border_weights{}(from.labels).data.data());
}

void on_one_and_all(benchmark::internal::Benchmark* b) {
  b->ArgName("threads")->Arg(1)->Arg(0)->UseRealTime()->Unit(benchmark::kMillisecond);
}

}  // namespace

BENCHMARK(copy)->Name("augment/copy/256")->Apply(on_one_and_all);
BENCHMARK(paper)->Name("augment/paper/256")->Apply(on_one_and_all);
BENCHMARK(paper_and_blur)->Name("augment/paper with blur/256")->Apply(on_one_and_all);
BENCHMARK(weigh)->Name("border_weights/512")->Unit(benchmark::kMillisecond);
