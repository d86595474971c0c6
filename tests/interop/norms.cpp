// Norms predict, learn and keep statistics as in PyTorch.
#include <oxbow/net/named.hpp>

#include "agreement.hpp"
using namespace oxbow;
using oxbow::testing::agrees_with;

TEST_CASE("batch norms behind convolutions, up-convolutions and activations") {
  using net = seq<conv<6>, batch_norm, relu, max_pool<2>, conv<8, 3, pad::zero>, relu, batch_norm, up_conv<5>,
                  batch_norm, relu, conv<2, 1>>;
  agrees_with<model<net, tile<14, 18>>>("batch_norm");
}

TEST_CASE("instance norms, and group norms of one, two and three groups") {
  using net = seq<conv<6>, instance_norm, relu, conv<8, 3, pad::zero>, relu, group_norm<2>, conv<6>, group_norm<3>,
                  relu, conv<4>, group_norm<1>, conv<2, 1>>;
  agrees_with<model<net, tile<13, 17>>>("other_norms");
}
