// Networks that minimise another loss than cross-entropy: the device agrees with the oracle.
#include <oxbow/net/named.hpp>

#include "agreement.cuh"
using namespace oxbow;
using namespace oxbow::testing;

TEST_CASE_TEMPLATE("gradients agree with the oracle", Loss, focal<>, dice<>, dice_and_cross_entropy) {
  gradients_agree_on<model<unet<1, 4, 3>, tile<24, 28>, minimise<Loss>>>(oxbow::cuda{});
}

TEST_CASE("gradients agree with the oracle where a coarse branch is supervised") {
  using net = seq<level<stage<4>, seq<max_pool<2>, stage<8>, branch<"half", conv<3, 1>>, up_conv<4>>, stage<4>>, conv<3, 1>>;
  gradients_agree_on<model<net, tile<24, 28>, supervise<"half", 0.5f>, minimise<dice_and_cross_entropy>>>(oxbow::cuda{});
}
