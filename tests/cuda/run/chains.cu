// Chains of functions and heads, and wires across: the device agrees with the oracle.
#include "../../lower/networks.hpp"
#include "agreement.cuh"
using namespace oxbow;
using namespace oxbow::testing;

TEST_CASE_TEMPLATE("predictions and gradients agree with the oracle", Model, model<chain_of_functions, tile<9, 11>>,
                   model<two_heads, tile<7, 9>>, model<crossed, tile<8, 6>>,
                   model<plus_plus, tile<12, 8>, channels<2>>) {
  agrees_with_oracle<Model>();
}
