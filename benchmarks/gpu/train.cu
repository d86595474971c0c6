// One training step of unet_2015, for a profiler or a simulator to count: forward, backward, the gradient's length and
// the optimizer. Prints what gpu_counts reads besides.
// usage: gpu_train_<chip> [RUNS]       with RUNS also the time of one of so many
#include <oxbow/train/optimizer.hpp>

#include "program.cuh"
using namespace oxbow;
using namespace oxbow::benchmarks;

/// The optimizer changes weights that are read from step `late` on beside the steps before it: how many numbers these
/// weights are, of how many, and the convolutions of those steps.
template <class Program> void print_what_overlaps(int late) {
  using t = program_tables<Program>;
  std::int64_t numbers = 0;
  for (int p = 0; late > 0 && p < t::parameter_count; ++p)
    if (t::parameters.items[p].is == role::weight && on_cuda::late_weights<Program>::of.first_read[p] >= late)
      numbers += t::parameters.items[p].count();
  std::printf("late numbers %lld\nof %lld\n", static_cast<long long>(numbers),
              static_cast<long long>(paper::parameter_count));
  for (int s = 0; s < late; ++s) {
    plan_step const& step = t::whole.steps.items[s];
    for (int i = step.first; i < step.first + step.count; ++i)
      if (instruction const& op = t::instructions.items[i]; op.kind == op_kind::convolve)
        std::printf("beside them %d x %d, %d to %d\n", op.out_size.height, op.out_size.width, op.in_channels,
                    op.out_channels);
  }
}

int main(int count, char** words) {
  network<paper, backend> net{backend{}, seed{1}};
  image<float> const tile = noise(paper::tile);
  label_image labels(paper::output);
  for (std::size_t i = 0; i < labels.data.size(); ++i) labels.data[i] = i / 7 % 2;
  sgd const optimizer{.rate = 1e-3f, .momentum = .99f};
  net.set_optimizer_state({std::vector<float>(static_cast<std::size_t>(paper::parameter_count))});
  double const loss = net.loss_and_gradients(tile.view(), std::as_const(labels).view(), {}, {1, 0, 0}, false);
  double const length = net.gradient_norm();
  net.update<1>(optimizer.at(0, 1), 1.f);
  std::printf("loss %g\nlength of the gradient %g\n", loss, length);
  if (!(loss - loss == 0 && length > 0 && length - length == 0)) return 1;
  using program = programs_in<paper::lowered_, element::f16>::training;
  // parameters and momentum in single precision are read and written by the optimizer; gradients written, then read by
  // it; weights in 16 bits written once and read twice
  constexpr std::int64_t weights = paper::parameter_count * (4 * (4 + 2) + 2 * 3);
  std::printf("launches %d\non tensor cores %d\nfewest bytes %lld\n",
              net.training_launches() + 1 + net.update_launches(), net.training_launches_on_matrices(),
              static_cast<long long>(fewest_bytes<program>() + weights));
  print_what_overlaps<program>(net.late_step());
  auto const step = [&](auto& trained) {
    trained.loss_and_gradients(tile.view(), std::as_const(labels).view(), {}, {1, 0, 0}, false);
    trained.gradient_norm();
    trained.template update<1>(optimizer.at(0, 1), 1.f);
  };
  time_runs(count, words, "milliseconds", [&] { step(net); });
  if (count < 2) return 0;
  backend in_order;
  in_order.overlaps = false;
  network<paper, backend> other{in_order, seed{1}};
  other.set_optimizer_state({std::vector<float>(static_cast<std::size_t>(paper::parameter_count))});
  time_runs(count, words, "without overlap", [&] { step(other); });
}
