// Convolutions of every kind compute what they compute in PyTorch.
#include <oxbow/net/named.hpp>

#include "agreement.hpp"
using namespace oxbow;
using oxbow::testing::agrees_with;

TEST_CASE("convolutions with strides, dilations and mirrored borders") {
  using net = seq<conv<6, 3, pad::mirror>, relu, conv<6, 3, pad::valid, 1, 2>, relu, conv<8, 3, pad::zero, 2>, relu,
                  conv<8, 3, pad::zero, 1, 2>, relu, conv<6, 5, pad::mirror, 1, 2>, relu, conv<7, 3, pad::mirror, 2>,
                  relu, conv<6, 4, pad::valid, 2>, relu, conv<3, 2>>;
  agrees_with<model<net, tile<52, 60>, channels<2>>>("convolutions");
}
