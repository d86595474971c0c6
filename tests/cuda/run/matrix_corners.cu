// Networks in 16 bits where the choice of a kernel has a corner agree with the oracle in double.
#include <oxbow/net/named.hpp>

#include "matrices.cuh"
using namespace oxbow;
using namespace oxbow::testing;

namespace {

/// Borders of zeros and mirrored ones, strides, dilation, mean pooling, a sum, a window of five, another loss.
using smooth = seq<conv<12, 3, pad::mirror>, silu,
                   level<seq<conv<24, 3, pad::zero>, silu>,
                         seq<avg_pool<2>, conv<40, 3, pad::zero, 1, 2>, silu, conv<20, 3, pad::mirror>, gelu, up_conv<24>>,
                         seq<conv<33, 3, pad::zero>, silu>, join::add>,
                   residual<seq<conv<20, 5, pad::zero>, silu, conv<20, 1>>, conv<20, 1>>, dropout<.25f>, silu,
                   conv<16, 3, pad::zero>, gelu, conv<3, 1>>;
using corners = model<smooth, tile<20, 28>, channels<2>, minimise<focal<>>>;

/// What runs on both paths: a norm, strides, an end that is no head, and a skip that is the image.
using mixed = model<seq<level<seq<>, seq<conv<9, 3, pad::zero, 2>, batch_norm, silu, conv<20, 3, pad::zero>, silu, up_conv<17>>,
                              seq<conv<24, 3, pad::zero>, silu>>,
                        conv<5, 3, pad::zero>>,
                    tile<16, 20>, channels<2>>;

/// A loss that needs sums over the tile first: the head is a step of its own when it learns.
using regional = model<seq<conv<8, 3, pad::zero>, silu, conv<16, 3, pad::zero>, silu, conv<3, 1>>, tile<12, 16>,
                       minimise<dice_and_cross_entropy>>;

/// What 32-bit numbers meet in a U-Net.
template <int F, class Inner> using scale = level<stage<F>, seq<max_pool<2>, Inner, up_conv<F>>, stage<F>>;
using shallow = model<seq<scale<20, seq<conv<48>, relu>>, conv<2, 1>>, tile<20, 32>>;

}  // namespace

TEST_CASE("borders, strides, dilations, sums, means, activations of one's own loss") {
  near_oracle<corners, cuda_f16>({.inference = 10, .training = 22});
}
TEST_CASE("steps that tensor cores cannot do run beside those that they can") {
  near_oracle<mixed, cuda_f16>({.inference = 3, .training = 10}, {.training = 6});
}
TEST_CASE("a loss of the whole tile behind a head") {
  near_oracle<regional, cuda_f16>({.inference = 2, .training = 8});
}
TEST_CASE("single precision, rounded to ten bits on its way to tensor cores") {
  whole_numbers_agree<shallow, cuda_tf32>({.inference = 5, .training = 11}, {.training = 2});
}
