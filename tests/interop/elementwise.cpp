// Activations and dropout compute what they compute in PyTorch.
#include <oxbow/net/named.hpp>

#include "agreement.hpp"
using namespace oxbow;
using oxbow::testing::agrees_with;

TEST_CASE("activations") {
  using net = seq<conv<5>, leaky_relu<>, conv<6>, elu, conv<5>, silu, conv<6>, gelu, conv<5>, sigmoid, conv<6>,
                  leaky_relu<0.25f>, conv<3, 1>>;
  agrees_with<model<net, tile<19, 17>>>("activations");
}

TEST_CASE("dropout with the masks of one key") {
  using net = seq<conv<6>, relu, dropout<0.5f>, conv<5, 3, pad::zero>, dropout<0.2f>, conv<2, 1>>;
  agrees_with<model<net, tile<9, 14>>>("dropout");
}
