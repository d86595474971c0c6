// Levels that join otherwise than the paper.
#include <oxbow/net/named.hpp>

#include "agreement.hpp"
using namespace oxbow;
using oxbow::testing::agrees_with;

TEST_CASE("a level that adds") {
  using net = seq<level<stage<6, pad::zero>, seq<max_pool<2>, stage<8, pad::zero>, up_conv<6>>, stage<5, pad::zero>,
                        join::add>, conv<2, 1>>;
  agrees_with<model<net, tile<12, 14>>>("level_add");
}

TEST_CASE("a level that concatenates without cropping") {
  using net = seq<level<stage<4, pad::zero>, seq<avg_pool<2>, conv<7, 3, pad::zero>, relu, upsample<2>>, conv<5>,
                        join::concat>, conv<2, 1>>;
  agrees_with<model<net, tile<14, 10>>>("level_concat");
}
