// The network that the authors released, 572 × 572, computes what it computes in PyTorch.
#include "paper.hpp"
using namespace oxbow;

TEST_CASE("unet_2015_release predicts and learns as in PyTorch") {
  oxbow::testing::agrees_with_samples_of<model<unet_2015_release, tile<572, 572>>>("unet_2015_release");
}
