// Networks that minimise another loss than cross-entropy: the device agrees with the oracle.
#include <oxbow/net/named.hpp>

#include "agreement.cuh"
using namespace oxbow;
using namespace oxbow::testing;

TEST_CASE_TEMPLATE("gradients agree with the oracle", Loss, focal<>, dice<>, dice_and_cross_entropy) {
  gradients_agree_on<model<unet<1, 4, 3>, tile<24, 28>, minimise<Loss>>>(oxbow::cuda{});
}
