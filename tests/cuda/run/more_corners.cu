// More networks where a pass of the compiler has a corner: the device agrees with the oracle.
#include "../../lower/networks.hpp"
#include "agreement.cuh"
using namespace oxbow;
using namespace oxbow::testing;

TEST_CASE_TEMPLATE("predictions and gradients agree with the oracle", Model,
                   model<nested_levels, tile<14, 18>>,
                   model<ends_in_a_join, tile<10, 14>>,
                   model<ends_in_a_crop, tile<7, 9>>,
                   model<norms_everywhere, tile<14, 18>>,
                   model<volume_of_everything, tile<6, 6, 9>>) {
  agrees_with_oracle<Model>();
}
