// The paper's network, 572 × 572, computes what it computes in PyTorch.
#include "paper.hpp"
using namespace oxbow;

TEST_CASE("unet_2015 predicts and learns as in PyTorch") {
  oxbow::testing::agrees_with_samples_of<model<unet_2015, tile<572, 572>>>("unet_2015");
}
