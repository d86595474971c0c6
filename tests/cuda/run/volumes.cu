// Three dimensions: the device agrees with the oracle.
#include <oxbow/net/named.hpp>

#include "agreement.cuh"
using namespace oxbow;
using namespace oxbow::testing;

TEST_CASE_TEMPLATE("predictions and gradients agree with the oracle", Model, model<unet<1, 4, 2>, tile<20, 20, 24>>,
                   model<unet<1, 3, 3, pad::zero>, tile<4, 6, 8>>) {
  agrees_with_oracle<Model>();
}
