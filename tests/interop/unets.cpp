// U-Nets compute what they compute in PyTorch.
#include <oxbow/net/named.hpp>

#include "agreement.hpp"
using namespace oxbow;
using oxbow::testing::agrees_with;

TEST_CASE("a U-Net of valid convolutions, with cropped skips") {
  agrees_with<model<unet<2, 4>, tile<52, 60>>>("unet_valid");
}

TEST_CASE("a U-Net that keeps the size") {
  agrees_with<model<unet<2, 4, 2, pad::zero>, tile<20, 28>>>("unet_same");
}

TEST_CASE("a U-Net from three channels to five classes") {
  agrees_with<model<unet<1, 6, 5>, tile<24, 28>, channels<3>>>("unet_rgb");
}
