// Every step of the paper's two plans by itself: one line each, named by its fused ops.
#include <oxbow/net/named.hpp>

#include "steps.hpp"
using namespace oxbow;

using em = model<unet_2015, tile<572, 572>>;

int main(int argc, char** argv) {
  bench::report_steps<em, em::inference>("infer", false);
  bench::report_steps<em, em::training>("train", true);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
