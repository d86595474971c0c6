// Norms, joins and U-Nets compute on the device what PyTorch recorded.
#include <oxbow/net/named.hpp>

#include "recorded.cuh"
using namespace oxbow;
using oxbow::testing::is_as_recorded;

namespace {
template <interpolation How>
using upsampling = seq<conv<4>, relu, max_pool<2>, conv<6, 3, pad::zero>, relu, upsample<2, How>,
                       conv<5, 3, pad::zero>, relu, upsample<3, How>, conv<3>>;
}  // namespace

TEST_CASE("enlarging bilinearly") {
  is_as_recorded<model<upsampling<interpolation::bilinear>, tile<10, 14>>>("upsample_bilinear");
}

TEST_CASE("instance norms, and group norms of one, two and three groups") {
  using net = seq<conv<6>, instance_norm, relu, conv<8, 3, pad::zero>, relu, group_norm<2>, conv<6>, group_norm<3>,
                  relu, conv<4>, group_norm<1>, conv<2, 1>>;
  is_as_recorded<model<net, tile<13, 17>>>("other_norms");
}

TEST_CASE("a level that adds") {
  using net = seq<level<stage<6, pad::zero>, seq<max_pool<2>, stage<8, pad::zero>, up_conv<6>>, stage<5, pad::zero>,
                        join::add>,
                  conv<2, 1>>;
  is_as_recorded<model<net, tile<12, 14>>>("level_add");
}

TEST_CASE("a U-Net of valid convolutions, with cropped skips") {
  is_as_recorded<model<unet<2, 4>, tile<52, 60>>>("unet_valid");
}
