// Networks where a pass of the compiler has a corner: the device agrees with the oracle.
#include "../../lower/networks.hpp"
#include "agreement.cuh"
using namespace oxbow;
using namespace oxbow::testing;

TEST_CASE_TEMPLATE("predictions and gradients agree with the oracle", Model, model<strided, tile<12, 16>, channels<3>>,
                   model<large_windows, tile<15, 30>>, model<wide, tile<6, 8>, channels<2>>,
                   model<image_is_the_skip, tile<12, 10>, channels<2>>, model<mirrored_skip, tile<12, 16>>) {
  agrees_with_oracle<Model>();
}
