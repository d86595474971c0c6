// A network of every other kind of layer gives the same bits for any number of threads.
#include "determinism.hpp"

using namespace oxbow;
using namespace oxbow::testing;

namespace {
// Norms with running statistics, dropout, a residual, a stride; channels that fill blocks of 16 and that do not.
using mixed =
    model<seq<conv<10, 3, pad::zero>, batch_norm, relu, residual<seq<conv<18, 3, pad::zero>, dropout<.3f>>, conv<18, 1>>,
              level<conv<12, 3, pad::zero>,
                    seq<conv<20, 3, pad::zero, 2>, batch_norm, silu, upsample<2, interpolation::bilinear>>,
                    seq<conv<12, 3, pad::zero>, relu>>,
              conv<3, 1>>,
          tile<52, 60>>;
}  // namespace

TEST_CASE("a network of many kinds: steps have the same bits for any number of threads") { steps_agree<mixed>(); }
TEST_CASE("a network of many kinds: training and prediction have the same bits for any number of threads, others for another seed") {
  training_agrees<mixed>();
}
