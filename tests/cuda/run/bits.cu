// Prints the bits that a few training steps and a prediction leave behind, for same_bits.py to compare.
#include "training.hpp"

#include <bit>
#include <cstdio>

#include <oxbow/cuda/run/network.cuh>
using namespace oxbow;

/// A norm whose sums are in parts, of which the block that comes last adds all.
using normed = model<seq<conv<8, 3, pad::zero>, batch_norm, relu, conv<2, 1>>, tile<48, 48>>;

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) return 77;
  network<testing::trained, cuda_f16> net{cuda_f16{}, seed{3}};  // on tensor cores and on the plain path
  samples const data = testing::lessons();
  auto const summary = train(net, data, testing::how_to_train(3));
  image<float> const tile(testing::trained::tile, 1, .5f);
  image<float> logits(testing::trained::output, 3);
  net.infer(tile.view(), logits.view());
  network<normed, cuda_f16> other{cuda_f16{}, seed{4}};
  image<float> noise(normed::tile);
  random_stream const r{5, purpose::example_data};
  for (std::size_t i = 0; i < noise.data.size(); ++i) noise.data[i] = r.uniform(i, -1, 1);
  label_image const labels(normed::output);
  auto const loss = other.loss_and_gradients(std::as_const(noise).view(), labels.view(), {}, {}, false);
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a
  auto const take = [&](auto const& all) {
    for (float const x : all) hash = (hash ^ std::bit_cast<std::uint32_t>(x)) * 1099511628211u;
  };
  take(summary.losses), take(net.parameters()), take(net.gradients()), take(logits.data);
  take(std::vector{static_cast<float>(loss)}), take(other.gradients()), take(other.parameters());
  std::printf("%016llx\n", static_cast<unsigned long long>(hash));
}
