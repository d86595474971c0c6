// Plain U-Nets on the device agree with the oracle.
#include <oxbow/net/named.hpp>

#include "agreement.cuh"
using namespace oxbow;
using namespace oxbow::testing;

TEST_CASE_TEMPLATE("predictions and gradients agree with the oracle", Model, model<unet<1, 4>, tile<20, 24>>,
                   model<unet<2, 8, 3>, tile<44, 48>, channels<3>>,
                   model<seq<conv<5>, relu, conv<17>, relu, conv<3, 1>>, tile<7, 11>>) {
  agrees_with_oracle<Model>();
}
