// The same layers in 3-D.
#include <oxbow/net/named.hpp>

#include "agreement.hpp"
using namespace oxbow;
using oxbow::testing::agrees_with;

TEST_CASE("a U-Net of valid convolutions in 3-D") {
  agrees_with<model<unet<1, 3>, tile<20, 20, 24>>>("unet_volume");
}

TEST_CASE("mirrored borders, norms, mean pooling, trilinear enlarging and strides in 3-D") {
  using net = seq<conv<4, 3, pad::mirror>, instance_norm, elu, avg_pool<2>, conv<6, 3, pad::zero>, batch_norm, relu,
                  upsample<2, interpolation::bilinear>, conv<5, 3, pad::zero, 2>, relu, conv<2, 2>>;
  agrees_with<model<net, tile<6, 8, 12>>>("volume");
}
