// Joins of all kinds, and every activation: the device agrees with the oracle.
#include <oxbow/net/named.hpp>

#include "agreement.cuh"
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

TEST_CASE_TEMPLATE("predictions and gradients agree with the oracle", Model,
                   model<seq<joins, conv<2, 1>>, tile<12, 20>>, model<nodes, tile<10, 14>, channels<2>>) {
  agrees_with_oracle<Model>();
}
