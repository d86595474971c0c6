// A plain U-Net gives the same bits for any number of threads.
#include "determinism.hpp"

#include <oxbow/net/named.hpp>

using namespace oxbow;
using namespace oxbow::testing;

namespace {
// Tiles of several pieces of work for each step, so that threads have something to share out.
using plain = model<unet<2, 8, 3, pad::zero>, tile<64, 72>>;
}  // namespace

TEST_CASE("a plain U-Net: steps have the same bits for any number of threads") { steps_agree<plain>(); }
TEST_CASE("a plain U-Net: training and prediction have the same bits for any number of threads, others for another seed") {
  training_agrees<plain>();
}
