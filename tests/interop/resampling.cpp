// Poolings and enlargements compute what they compute in PyTorch.
#include <oxbow/net/named.hpp>

#include "agreement.hpp"
using namespace oxbow;
using oxbow::testing::agrees_with;

TEST_CASE("poolings by three and by two, and an up-convolution by three") {
  using net = seq<conv<5, 3, pad::zero>, avg_pool<3>, relu, conv<6, 3, pad::zero>, max_pool<3>, conv<6, 1>, relu,
                  up_conv<4, 3>, conv<5, 3, pad::zero>, avg_pool<2>, conv<2, 1>>;
  agrees_with<model<net, tile<18, 36>>>("pooling");
}

template <interpolation How>
using upsampling = seq<conv<4>, relu, max_pool<2>, conv<6, 3, pad::zero>, relu, upsample<2, How>,
                       conv<5, 3, pad::zero>, relu, upsample<3, How>, conv<3>>;

TEST_CASE("enlarging to the nearest pixel") {
  agrees_with<model<upsampling<interpolation::nearest>, tile<10, 14>>>("upsample_nearest");
}

TEST_CASE("enlarging bilinearly") {
  agrees_with<model<upsampling<interpolation::bilinear>, tile<10, 14>>>("upsample_bilinear");
}
