// Fused equals unfused, over networks written by hand.
#include <doctest/doctest.h>

#include "law.hpp"
#include "networks.hpp"
using namespace oxbow;
using namespace oxbow::testing;

TEST_CASE("fused equals unfused for small convolutional nets of every kind") {
  SUBCASE("one convolution") { check_laws<one_convolution>({1, 5, 7}, 1, 1); }
  SUBCASE("one convolution of a pixel") { check_laws<one_pixel_convolution>({1, 1, 1}, 1, 2); }
  SUBCASE("no parameters") { check_laws<no_parameters>({1, 4, 6}, 1, 2); }
  SUBCASE("strides") { check_laws<strided>({1, 9, 12}, 1, 3); }
  SUBCASE("strides without padding") { check_laws<strided_valid>({1, 13, 15}, 1, 1); }
  SUBCASE("windows of 9 and 25 places") { check_laws<large_windows>({1, 15, 30}, 1, 1); }
  SUBCASE("channels beyond one block") { check_laws<wide>({1, 6, 8}, 1, 2); }
  SUBCASE("the image is the skip") { check_laws<image_is_the_skip>({1, 12, 10}, 1, 2); }
  SUBCASE("mirrored borders around a join") { check_laws<mirrored_skip>({1, 12, 16}, 1, 1); }
  SUBCASE("a residual without projection") { check_laws<identity_residual>({1, 9, 8}, 1, 1); }
  SUBCASE("a level inside a level of the same scale") { check_laws<nested_levels>({1, 16, 16}, 1, 1); }
  SUBCASE("the output is a join") { check_laws<ends_in_a_join>({1, 12, 8}, 1, 1); }
  SUBCASE("the output is a sum with a crop of the image") { check_laws<ends_in_a_crop>({1, 6, 5}, 1, 1); }
  SUBCASE("norms in every place") { check_laws<norms_everywhere>({1, 10, 8}, 1, 2); }
  SUBCASE("more functions than a step takes") { check_laws<chain_of_functions>({1, 6, 6}, 1, 1); }
  SUBCASE("1x1 convolutions in a row") { check_laws<two_heads>({1, 6, 5}, 1, 1); }
  SUBCASE("a graph with wires across") { check_laws<crossed>({1, 8, 6}, 1, 1); }
  SUBCASE("nested skips") { check_laws<plus_plus>({1, 12, 8}, 1, 2); }
  SUBCASE("supervised heads") { check_laws<heads>({1, 12, 16}, 1, 1, {0, 1, 2, 8, 23, 31}); }
  SUBCASE("the paper's pattern") { check_laws<small_paper>({1, 44, 48}, 1, 1); }
  SUBCASE("the paper's pattern in 3-D") { check_laws<small_volume>({18, 20, 18}, 0, 1); }
  SUBCASE("3-D with everything") { check_laws<volume_of_everything>({6, 9, 12}, 0, 2); }
}
