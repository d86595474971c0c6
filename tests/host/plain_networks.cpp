// Plain U-Nets on the host agree with the oracle.
#include "agreement.hpp"

#include <oxbow/net/named.hpp>
using namespace oxbow;
using namespace oxbow::testing;

TEST_CASE_TEMPLATE("predictions and gradients agree with the oracle", Model, model<unet<1, 4>, tile<20, 24>>,
                   model<unet<2, 8, 3>, tile<44, 48>, channels<3>>, model<unet_small, tile<40, 24>>,
                   model<seq<conv<5>, relu, conv<17>, relu, conv<3, 1>>, tile<7, 11>>) {
  predictions_agree<Model>();
  gradients_agree<Model>();
}

// Whole blocks of channels, so that the gradient of a pooling is stored at once: behind an activation, behind
// none, and in a volume, where windows are deeper.
TEST_CASE_TEMPLATE("maxima and their gradients agree with the oracle", Model,
                   model<seq<conv<16>, relu, max_pool<2>, conv<32>, elu, max_pool<2>, conv<3>>, tile<26, 38>>,
                   model<seq<conv<16>, max_pool<2>, conv<16>, max_pool<2>, conv<3>>, tile<26, 38>>,
                   model<seq<conv<16, 3, pad::zero>, max_pool<2>, conv<16, 3, pad::zero>>, tile<4, 8, 12>>) {
  predictions_agree<Model>();
  gradients_agree<Model>();
}

// Pieces of such work are 128 × 64 channels; the sums of dy are made by one piece for each of its channels.
TEST_CASE_TEMPLATE("direct gradients of many channels agree with the oracle, those of biases included", Model,
                   model<seq<level<conv<8>, seq<max_pool<2>, conv<150>, relu, up_conv<70>>, conv<8>>, conv<3, 1>>,
                         tile<20, 24>>,
                   model<seq<conv<70>, relu, conv<150, 1>, relu, conv<3, 1>>, tile<9, 11>>) {
  gradients_agree<Model>();
}
