// What has little to compute for each number that it reads: norms and enlargements, forward and back, on maps that no
// cache holds. `of_copy` is what counts: the rate of the tensors' bytes beside that of a copy. Poolings and sums are
// part of a convolution's step, whose products take the time.
#include <oxbow/net/named.hpp>

#include "steps.hpp"
using namespace oxbow;

namespace {

constexpr auto bilinear = interpolation::bilinear;

/// A norm of each kind, and an activation that fuses with it.
struct norms : seq<conv<32, 1>, batch_norm, relu, conv<32, 1>, instance_norm, leaky_relu<0.1f>, conv<32, 1>,
                   group_norm<8>, silu, conv<2, 1>> {};

/// Up by what has no weights, to the nearest pixel and between pixels.
struct sizes : seq<conv<32, 1>, avg_pool<2>, conv<32, 1>, upsample<2>, conv<32, 1>, max_pool<2>, conv<32, 1>,
                   upsample<2, bilinear>, conv<2, 1>> {};

template <class Net> void report(char const* infer, char const* train) {
  using it = model<Net, tile<768, 768>>;
  bench::report_steps<it, typename it::inference>(infer, false, 7);
  bench::report_steps<it, typename it::training>(train, true, 7);
}

}  // namespace

int main(int argc, char** argv) {
  report<norms>("norms/infer", "norms/train");
  report<sizes>("sizes/infer", "sizes/train");
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
