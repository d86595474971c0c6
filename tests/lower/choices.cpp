// Fused equals unfused whatever is fused: each of the 32 choices, and all of it with narrow heads.
#include <doctest/doctest.h>

#include <numeric>

#include "law.hpp"
#include "networks.hpp"
using namespace oxbow;
using namespace oxbow::testing;

TEST_CASE("fused equals unfused for each choice of fusions") {
  std::vector<int> all(32);
  std::iota(all.begin(), all.end(), 0);
  all.push_back(63);
  SUBCASE("the paper's pattern") { check_laws<small_paper>({1, 40, 44}, 1, 1, all); }
  SUBCASE("a graph with wires across") { check_laws<crossed>({1, 8, 6}, 1, 1, all); }
  SUBCASE("nested skips") { check_laws<plus_plus>({1, 8, 12}, 1, 2, all); }
  SUBCASE("norms in every place") { check_laws<norms_everywhere>({1, 10, 8}, 1, 2, all); }
  SUBCASE("mirrored borders around a join") { check_laws<mirrored_skip>({1, 8, 12}, 1, 1, all); }
  SUBCASE("windows of 9 and 25 places") { check_laws<large_windows>({1, 15, 30}, 1, 1, all); }
  SUBCASE("channels beyond one block") { check_laws<wide>({1, 6, 4}, 1, 2, all); }
  SUBCASE("a residual without projection") { check_laws<identity_residual>({1, 9, 8}, 1, 1, all); }
  SUBCASE("the output is a join") { check_laws<ends_in_a_join>({1, 8, 8}, 1, 1, all); }
  SUBCASE("the image is the skip") { check_laws<image_is_the_skip>({1, 12, 10}, 1, 2, all); }
  SUBCASE("more functions than a step takes") { check_laws<chain_of_functions>({1, 6, 6}, 1, 1, all); }
  SUBCASE("3-D with everything") { check_laws<volume_of_everything>({6, 9, 6}, 0, 2, all); }
}
