// One training step of unet_2015, for a profiler or a simulator to count: forward, backward, the gradient's length and
// the optimizer. Prints what gpu_counts reads besides.
// usage: gpu_train_<chip> [RUNS]       with RUNS also the time of one of so many
#include <oxbow/train/optimizer.hpp>

#include "program.cuh"
using namespace oxbow;
using namespace oxbow::benchmarks;

int main(int count, char** words) {
  network<paper, backend> net{backend{}, seed{1}};
  image<float> const tile = noise(paper::tile);
  label_image labels(paper::output);
  for (std::size_t i = 0; i < labels.data.size(); ++i) labels.data[i] = i / 7 % 2;
  sgd const optimizer{.rate = 1e-3f, .momentum = .99f};
  net.set_optimizer_state({std::vector<float>(static_cast<std::size_t>(paper::parameter_count))});
  net.gather_momentum(optimizer.momentum);  // as train() does, with one tile a step and no clipping
  double const loss = net.loss_and_gradients(tile.view(), std::as_const(labels).view(), {}, {1, 0, 0}, false);
  double const length = net.gradient_norm();
  net.update_with_momentum(optimizer.descent_at(1));
  std::printf("loss %g\nlength of the gradient %g\n", loss, length);
  if (!(loss - loss == 0 && length > 0 && length - length == 0)) return 1;
  using program = programs_in<paper::lowered_, element::f16>::training;
  // in single precision parameters are read and written by the optimizer, the momentum read and written where gradients
  // are made, and read by the optimizer; weights in 16 bits written once and read twice
  constexpr std::int64_t weights = paper::parameter_count * (4 * (2 + 3) + 2 * 3);
  std::printf("launches %d\non tensor cores %d\nfewest bytes %lld\n", net.training_launches() + 2,
              net.training_launches_on_matrices(), static_cast<long long>(fewest_bytes<program>() + weights));
  time_runs(count, words, [&] {
    net.gather_momentum(optimizer.momentum);
    net.loss_and_gradients(tile.view(), std::as_const(labels).view(), {}, {1, 0, 0}, false);
    net.gradient_norm();
    net.update_with_momentum(optimizer.descent_at(1));
  });
}
