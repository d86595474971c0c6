// Measured by measure.py, which defines NET, TILE and USE: a whole program that trains on the CPU, loop and all.
#include <oxbow/host/network.hpp>
#include <oxbow/net/named.hpp>
#include <oxbow/train/loop.hpp>
#include <oxbow/train/samples.hpp>
using namespace oxbow;

using subject = model<NET, tile<TILE>>;

int main() {
  network<subject, host> net;
  std::vector<image<float>> const images{image<float>{extent{1, 600, 600}}};
  std::vector<label_image> const labels{label_image{extent{1, 600, 600}}};
  auto const summary = train(net, samples(images, labels), {.optimizer = sgd{.rate = 1e-3f}, .steps = 1});
  return summary.steps != 1;
}
