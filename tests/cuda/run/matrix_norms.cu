// Networks with norms in 16 bits: what needs no matrix products is done octet by octet, and agrees with the oracle.
#include <oxbow/net/named.hpp>

#include "matrices.cuh"
using namespace oxbow;
using namespace oxbow::testing;

namespace {

/// Norms of each kind: before a pooling, behind one, of both sides of a join, of channels that fill no octet.
using joined_net =
    seq<conv<17, 3, pad::zero>, batch_norm, relu,
        level<seq<conv<24, 3, pad::zero>, group_norm<4>, silu>,
              seq<max_pool<2>, instance_norm, conv<20, 3, pad::zero>, instance_norm, relu, up_conv<16>>,
              seq<batch_norm, relu, conv<9, 3, pad::zero>, group_norm<1>, gelu>>,
        conv<3, 1>>;
using joined_norms = model<joined_net, tile<14, 22>, channels<2>>;

/// Crops of what a norm makes, and sums with it; dropout, mean pooling, an activation of a join, an odd size below. No
/// mask that rounding could flip.
using block = seq<conv<16, 3, pad::zero>, group_norm<2>, silu, conv<16, 3, pad::zero>, batch_norm>;
using inner = seq<avg_pool<2>, residual<block>, silu, dropout<.25f>, conv<20>, silu, up_conv<9>>;
using cropped_net = seq<level<seq<conv<16>, batch_norm, silu>, inner, seq<silu, conv<12>>>, instance_norm, sigmoid,
                        avg_pool<2>, conv<2, 1>>;
using cropped_norms = model<cropped_net, tile<24, 28>>;

/// Steps that have no room for what follows: a pooling of a pooling, a sum, a fifth activation, and their gradients. And a
/// norm that no weights absorb, behind a sum.
using full = seq<conv<16, 3, pad::zero>, silu, elu, silu, elu, dropout<.1f>, dropout<.1f>, dropout<.1f>>;
using lone_net = seq<conv<16, 3, pad::zero>, relu, max_pool<2>, max_pool<2>, residual<full>, batch_norm, silu,
                     conv<9, 3, pad::zero>, elu, silu, elu, silu, relu, conv<2, 1>>;
using lone_steps = model<lone_net, tile<24, 28>>;

}  // namespace

TEST_CASE("norms before and behind poolings, and of both sides of a join") {
  near_oracle<joined_norms, cuda_f16>({.inference = 6, .training = 14}, {.inference = 9, .training = 24});
}
TEST_CASE("norms whose results are cropped, added and pooled") {
  near_oracle<cropped_norms, cuda_bf16>({.inference = 7, .training = 15}, {.inference = 5, .training = 17});
}
TEST_CASE("norms of 32-bit numbers, and what tensor cores cannot do of these: the sums of its biases' gradients") {
  near_oracle<cropped_norms, cuda_tf32>({.inference = 6, .training = 12}, {.inference = 5, .training = 20});
}
TEST_CASE("what a full step leaves over") {
  near_oracle<lone_steps, cuda_f16>({.inference = 4, .training = 10}, {.inference = 3, .training = 9});
}
