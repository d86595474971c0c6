// More networks where a pass of the compiler has a corner: the device agrees with the oracle.
#include "../../lower/networks.hpp"
#include "agreement.cuh"
using namespace oxbow;
using namespace oxbow::testing;

TEST_CASE_TEMPLATE("predictions and gradients agree with the oracle", Model, model<nested_levels, tile<16, 16>>,
                   model<ends_in_a_join, tile<12, 8>>, model<ends_in_a_crop, tile<6, 5>>,
                   model<norms_everywhere, tile<10, 8>, channels<2>>,
                   model<volume_of_everything, tile<6, 9, 6>, channels<2>>) {
  agrees_with_oracle<Model>();
}
