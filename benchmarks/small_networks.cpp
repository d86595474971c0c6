// Networks of the size that one trains on a laptop.
#include <oxbow/net/named.hpp>

#include "networks.hpp"
using namespace oxbow;
using namespace oxbow::bench;

BENCHMARK(infer<model<unet_small, tile<256, 256>>>)->Name("unet_small/infer/256")->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(train<model<unet_small, tile<256, 256>>>)->Name("unet_small/train/256")->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(train<model<unet_small, tile<256, 256>>, 4>)->Name("unet_small/train/256/batch_4")->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(infer<model<unet<4, 16>, tile<572, 572>>>)->Name("unet_16_wide/infer/572")->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(train<model<unet<4, 16>, tile<572, 572>>>)->Name("unet_16_wide/train/572")->UseManualTime()->Unit(benchmark::kMillisecond);
