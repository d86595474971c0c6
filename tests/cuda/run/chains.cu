// Chains of functions and heads, wires across, and other losses than cross-entropy: the device agrees with the oracle.
#include <oxbow/net/named.hpp>

#include "../../lower/networks.hpp"
#include "agreement.cuh"
using namespace oxbow;
using namespace oxbow::testing;

TEST_CASE_TEMPLATE("predictions and gradients agree with the oracle", Model, model<chain_of_functions, tile<9, 11>>,
                   model<two_heads, tile<7, 9>>, model<crossed, tile<8, 6>>,
                   model<plus_plus, tile<12, 8>, channels<2>>) {
  agrees_with_oracle<Model>();
}

TEST_CASE_TEMPLATE("gradients agree with the oracle whatever is minimised", Loss, focal<>, dice<>,
                   dice_and_cross_entropy) {
  gradients_agree_on<model<unet<1, 4, 3>, tile<24, 28>, minimise<Loss>>>(oxbow::cuda{});
}

TEST_CASE("gradients agree with the oracle where branches are supervised, one beside the output") {
  using net = seq<level<stage<4>, seq<max_pool<2>, stage<8>, branch<"half", conv<3, 1>>, up_conv<4>>, stage<4>>,
                  branch<"last", conv<3, 1>>, conv<3, 1>>;
  gradients_agree_on<model<net, tile<24, 28>, supervise<"half", 0.5f>, supervise<"last", 2.f>,
                           minimise<dice_and_cross_entropy>>>(oxbow::cuda{});
}
