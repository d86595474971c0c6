// Every other way to build a network agrees with the oracle on the host.
#include "agreement.hpp"

#include <oxbow/net/named.hpp>
using namespace oxbow;
using namespace oxbow::testing;

namespace {
template <int F> using norm_stage = seq<conv<F, 3, pad::zero>, batch_norm, relu>;
using joins = level<seq<conv<6, 3, pad::zero>, elu>,
                    seq<max_pool<2>,
                        level<seq<conv<6, 3, pad::zero>, silu>,
                              seq<avg_pool<2>, conv<18, 3, pad::mirror>, gelu, up_conv<6>>, conv<6, 1>, join::add>,
                        upsample<2>>,
                    seq<conv<5, 3, pad::zero>, leaky_relu<>>, join::concat>;
using nodes = graph<node<"a", norm_stage<8>, "input">, node<"b", seq<max_pool<2>, norm_stage<12>>, "a">,
                    node<"c", upsample<2, interpolation::bilinear>, "b">, node<"d", conv<7, 3, pad::zero>, "a", "c">,
                    node<"out", conv<3, 1>, "a", "d", "c">>;
}  // namespace

TEST_CASE_TEMPLATE(
    "predictions and gradients agree with the oracle", Model, model<seq<joins, conv<2, 1>>, tile<12, 20>>,
    model<nodes, tile<10, 14>, channels<2>>,
    model<seq<conv<8, 3, pad::zero, 2>, relu, conv<16, 3, pad::zero, 1, 2>, instance_norm, sigmoid, up_conv<9>,
              group_norm<3>, relu, conv<2, 1>>,
          tile<16, 12>>,
    model<seq<residual<seq<conv<17>, relu, conv<17>>, conv<17, 1>>, relu, dropout<0.4f>, conv<4, 1>>, tile<9, 13>>) {
  predictions_agree<Model>();
  gradients_agree<Model>();
}

TEST_CASE_TEMPLATE("three dimensions agree with the oracle", Model, model<unet<1, 4, 2>, tile<20, 20, 24>>,
                   model<unet<1, 3, 3, pad::zero>, tile<4, 6, 8>>) {
  predictions_agree<Model>();
  gradients_agree<Model>();
}

TEST_CASE("a norm in front of which nothing learns") {
  using net = seq<batch_norm, conv<4>, batch_norm, relu, conv<2, 1>>;
  predictions_agree<model<net, tile<10, 8>, channels<2>>>();
  gradients_agree<model<net, tile<10, 8>, channels<2>>>();
}
