// What residuals and graphs put together is what PyTorch puts together.
#include <oxbow/net/named.hpp>

#include "agreement.hpp"
using namespace oxbow;
using oxbow::testing::agrees_with;

TEST_CASE("residuals with and without a projection, padded and cropped") {
  using net = seq<residual<stage<6, pad::zero>, conv<6, 1>>, residual<seq<conv<6>, relu>>,
                  residual<conv<4>, conv<4, 1>>, conv<3, 1>>;
  agrees_with<model<net, tile<13, 11>, channels<2>>>("residuals");
}

TEST_CASE("a graph whose nodes are read more than once") {
  using net = graph<node<"x00", stage<4, pad::zero>, "input">,
                    node<"x10", seq<max_pool<2>, stage<6, pad::zero>>, "x00">,
                    node<"u10", up_conv<5>, "x10">,
                    node<"x01", stage<4, pad::zero>, "x00", "u10", "input">,
                    node<"mask", conv<3, 1>, "x01", "x00">>;
  agrees_with<model<net, tile<10, 16>>>("nested_skips");
}
