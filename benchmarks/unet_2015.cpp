// The paper's network: a tile of its own, a 512 × 512 image in one tile, and a training step.
#include <oxbow/net/named.hpp>

#include "networks.hpp"
using namespace oxbow;
using namespace oxbow::bench;

BENCHMARK(infer<model<unet_2015, tile<572, 572>>>)->Name("infer/572")->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(infer<model<unet_2015, tile<700, 700>>>)->Name("infer/700")->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(train<model<unet_2015, tile<572, 572>>>)->Name("train/572")->UseManualTime()->Unit(benchmark::kMillisecond);
