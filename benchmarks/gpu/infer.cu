// One prediction of unet_2015, for a profiler or a simulator to count. Prints what gpu_counts reads besides.
// usage: gpu_infer_<chip> [RUNS]       with RUNS also the time of one of so many
#include "program.cuh"
using namespace oxbow;
using namespace oxbow::benchmarks;

int main(int count, char** words) {
  network<paper, backend> net{backend{}, seed{1}};
  image<float> const tile = noise(paper::tile);
  image<float> logits(paper::output, paper::classes);
  net.infer(tile.view(), logits.view());
  for (float const x : logits.data)
    if (!(x - x == 0)) return std::puts("a logit is no number"), 1;
  using program = programs_in<paper::lowered_, element::f16>::inference;
  // weights: 16 bits each, once
  std::printf("launches %d\non tensor cores %d\nfewest bytes %lld\n", net.inference_launches(),
              net.inference_launches_on_matrices(),
              static_cast<long long>(fewest_bytes<program>() + paper::parameter_count * 2));
  time_runs(count, words, [&] { net.infer(tile.view(), logits.view()); });
}
