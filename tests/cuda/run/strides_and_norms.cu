// Strides, dilations, norms, residuals and dropout: the device agrees with the oracle.
#include <oxbow/net/named.hpp>

#include "agreement.cuh"
using namespace oxbow;
using namespace oxbow::testing;

TEST_CASE_TEMPLATE(
    "predictions and gradients agree with the oracle", Model,
    model<seq<conv<8, 3, pad::zero, 2>, relu, conv<16, 3, pad::zero, 1, 2>, instance_norm, sigmoid, up_conv<9>,
              group_norm<3>, relu, conv<2, 1>>,
          tile<16, 12>>,
    model<seq<residual<seq<conv<17>, relu, conv<17>>, conv<17, 1>>, relu, dropout<0.4f>, conv<4, 1>>, tile<9, 13>>) {
  agrees_with_oracle<Model>();
}
