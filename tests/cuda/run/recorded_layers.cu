// Layers of every kind compute on the device what PyTorch recorded.
#include <oxbow/net/named.hpp>

#include "recorded.cuh"
using namespace oxbow;
using oxbow::testing::is_as_recorded;

TEST_CASE("convolutions with strides, dilations and mirrored borders") {
  using net = seq<conv<6, 3, pad::mirror>, relu, conv<6, 3, pad::valid, 1, 2>, relu, conv<8, 3, pad::zero, 2>, relu,
                  conv<8, 3, pad::zero, 1, 2>, relu, conv<6, 5, pad::mirror, 1, 2>, relu, conv<7, 3, pad::mirror, 2>,
                  relu, conv<6, 4, pad::valid, 2>, relu, conv<3, 2>>;
  is_as_recorded<model<net, tile<52, 60>, channels<2>>>("convolutions");
}

TEST_CASE("poolings by three and by two, and an up-convolution by three") {
  using net = seq<conv<5, 3, pad::zero>, avg_pool<3>, relu, conv<6, 3, pad::zero>, max_pool<3>, conv<6, 1>, relu,
                  up_conv<4, 3>, conv<5, 3, pad::zero>, avg_pool<2>, conv<2, 1>>;
  is_as_recorded<model<net, tile<18, 36>>>("pooling");
}

TEST_CASE("activations") {
  using net = seq<conv<5>, leaky_relu<>, conv<6>, elu, conv<5>, silu, conv<6>, gelu, conv<5>, sigmoid, conv<6>,
                  leaky_relu<0.25f>, conv<3, 1>>;
  is_as_recorded<model<net, tile<19, 17>>>("activations");
}
