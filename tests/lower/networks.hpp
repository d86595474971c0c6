// Networks to hold the laws against: generated from a number, and by hand where a pass has a corner.
#pragma once
#include <oxbow/core/activations.hpp>
#include <oxbow/net/layers.hpp>

namespace oxbow::testing {

/// One of eight blocks that make F channels.
template <int Which, int F, pad B> struct block_of;
template <int F, pad B> struct block_of<0, F, B> { using type = seq<conv<F, 3, B>, relu>; };
template <int F, pad B> struct block_of<1, F, B> {
  using type = seq<conv<F, 3, B>, batch_norm, relu, conv<F, 3, B>, batch_norm, leaky_relu<>>;
};
template <int F, pad B> struct block_of<2, F, B> { using type = seq<conv<F, 3, B>, instance_norm, silu>; };
template <int F, pad B> struct block_of<3, F, B> {
  using type = seq<conv<F, 3, B>, group_norm<2>, gelu, dropout<0.25f>>;
};
template <int F, pad B> struct block_of<4, F, B> { using type = seq<conv<F, 3, B>, elu, dropout<0.5f>, conv<F, 1>>; };
template <int F, pad B> struct block_of<5, F, B> {
  using type = seq<residual<seq<conv<F, 3, B>, relu, conv<F, 3, B>>, conv<F, 1>>, relu>;
};
template <int F, pad B> struct block_of<6, F, B> { using type = seq<conv<F, 3, B, 1, 2>, sigmoid>; };
template <int F, pad B> struct block_of<7, F, B> { using type = seq<batch_norm, conv<F, 3, B>, relu>; };

template <int Which, int F> struct up_of { using type = up_conv<F>; };
template <int F> struct up_of<1, F> { using type = seq<upsample<2>, conv<F, 1>>; };
template <int F> struct up_of<2, F> { using type = seq<upsample<2, interpolation::bilinear>, conv<F, 1>, relu>; };
template <int Which> struct down_of { using type = max_pool<2>; };
template <> struct down_of<1> { using type = avg_pool<2>; };

/// What the number N says. Consecutive numbers differ in everything.
template <int N> struct recipe {
  static constexpr pad border = static_cast<pad>(N % 3);
  static constexpr int levels = 1 + N / 3 % 3;
  static constexpr join how = border == pad::valid ? join::crop : static_cast<join>(N / 2 % 3);
  static constexpr int block = N % 8, other = (N + 3) % 8, up = N / 4 % 3, down = N % 5 == 1;
  static constexpr int features = N % 7 == 3 ? 18 : 2 + N % 2 * 2;  ///< 18: more than a block of the layout
};
template <int N, int Level> struct scale {
  using r = recipe<N>;
  static constexpr int f = r::features + 2 * (r::levels - Level);
  using encode = typename block_of<r::block, f, r::border>::type;
  using decode = typename block_of<r::other, f, r::border>::type;
  using inner = typename scale<N, Level - 1>::type;
  using down = typename down_of<r::down>::type;
  using up = typename up_of<r::up, f>::type;
  using type = level<encode, seq<down, inner, up>, decode, r::how>;
};
template <int N> struct scale<N, 0> {
  using type = typename block_of<(N + 5) % 8, recipe<N>::features, recipe<N>::border>::type;
};
template <int N> using generated = seq<typename scale<N, recipe<N>::levels>::type, conv<2 + N % 2, 1>>;

// By hand.

using one_convolution = conv<2, 3>;
using one_pixel_convolution = conv<3, 1>;
using no_parameters = seq<max_pool<2>, upsample<2>, sigmoid>;
using strided = seq<conv<4, 3, pad::zero, 2>, relu, conv<3, 5, pad::mirror>, relu, up_conv<2>, conv<2, 2>>;
using strided_valid = seq<conv<3, 4, pad::valid, 2>, gelu, conv<2, 3, pad::mirror, 2>>;
using large_windows = seq<conv<3, 1>, max_pool<3>, conv<2, 3, pad::zero>, relu, max_pool<5>, up_conv<2, 3>>;
using wide = seq<level<seq<conv<33, 3, pad::zero>, relu>, seq<max_pool<2>, conv<17, 3, pad::zero>, up_conv<20>>,
                       seq<conv<16, 3, pad::zero>, relu>, join::concat>,
                 conv<9, 1>, relu, conv<2, 1>>;
using image_is_the_skip = seq<level<seq<>, seq<max_pool<2>, conv<3>, relu, up_conv<2>>, conv<3>>, conv<2, 1>>;
using mirrored_skip = level<conv<2>, seq<max_pool<2>, conv<2, 3, pad::mirror>, up_conv<2>>,
                            seq<conv<3, 5, pad::mirror>, conv<2, 3, pad::mirror>>>;
using half_a_head = seq<conv<4>, relu, branch<"half", conv<2, 1>>, upsample<2>>;
using heads = graph<node<"top", seq<conv<4>, relu>, "input">, node<"low", seq<max_pool<2>, half_a_head>, "top">,
                    node<"full", conv<2, 1>, "low">, node<"dead", conv<3>, "low">,
                    node<"out", seq<conv<3>, relu, branch<"last", conv<2, 1>>, conv<2, 1>>, "low">>;
using identity_residual = seq<conv<4, 3, pad::zero>, residual<seq<conv<4>, relu, conv<4>>>, dropout<0.5f>, conv<2, 1>>;
using nested_levels =
    level<conv<2>, level<conv<3>, seq<max_pool<2>, conv<2, 3, pad::zero>, up_conv<3>>, conv<3>>, conv<2>>;
using ends_in_a_join = level<seq<conv<2>, relu>, seq<max_pool<2>, conv<3, 3, pad::zero>, up_conv<2>>, seq<>>;
using ends_in_a_crop = residual<seq<>, conv<1, 3>>;
using norms_everywhere =
    seq<batch_norm, conv<4>, batch_norm, batch_norm, relu, max_pool<2>, instance_norm,
        residual<seq<conv<4, 3, pad::zero>, batch_norm>>, up_conv<4>, batch_norm, group_norm<2>, conv<2, 1>>;
using chain_of_functions = seq<conv<3>, relu, elu, silu, gelu, sigmoid, leaky_relu<>, relu, elu, silu, conv<2, 1>>;
using two_heads = seq<conv<6>, relu, conv<5, 1>, relu, conv<4, 1>, elu, conv<3, 1>, conv<2, 1>>;
using crossed =
    graph<node<"a", seq<conv<3, 3, pad::zero>, relu>, "input">,
          node<"b", seq<max_pool<2>, conv<4, 3, pad::zero>, relu>, "a">, node<"u", up_conv<3>, "b">,
          node<"c", conv<3, 3, pad::zero>, "a", "u", "input">,
          node<"d", residual<conv<9, 3, pad::mirror>>, "c", "a", "u">, node<"e", conv<2, 1>, "u", "d", "c", "a">>;
using plus_plus =
    graph<node<"x00", seq<conv<2, 3, pad::zero>, relu>, "input">,
          node<"x10", seq<max_pool<2>, conv<3, 3, pad::zero>, relu>, "x00">, node<"u10", up_conv<2>, "x10">,
          node<"x20", seq<max_pool<2>, conv<4, 3, pad::zero>, relu>, "x10">, node<"u20", up_conv<3>, "x20">,
          node<"x01", seq<conv<2, 3, pad::zero>, relu>, "x00", "u10">,
          node<"x11", seq<conv<3, 3, pad::zero>, relu>, "x10", "u20">, node<"u11", up_conv<2>, "x11">,
          node<"x02", seq<conv<2, 3, pad::zero>, relu>, "x00", "x01", "u11">, node<"mask", conv<2, 1>, "x02">>;

/// The paper's pattern with few channels; in 3-D with a tile of three sizes.
template <int F> using small_stage = seq<conv<F>, relu, conv<F>, relu>;
using small_paper =
    seq<level<small_stage<2>,
              seq<max_pool<2>,
                  level<small_stage<3>, seq<max_pool<2>, small_stage<4>, dropout<0.5f>, up_conv<3>>, small_stage<3>>,
                  up_conv<2>>,
              small_stage<2>>,
        conv<2, 1>>;
using small_volume =
    seq<level<seq<conv<2>, relu>, seq<max_pool<2>, conv<3>, relu, up_conv<2>>, seq<conv<2>, relu>>, conv<2, 1>>;
using volume_of_everything = seq<level<seq<conv<2, 3, pad::mirror>, instance_norm, elu>,
                                       seq<max_pool<3>, conv<3, 3, pad::zero, 1, 2>, batch_norm, relu, up_conv<2, 3>>,
                                       seq<conv<2, 3, pad::zero>, dropout<0.3f>>, join::add>,
                                 conv<3, 1>>;

}  // namespace oxbow::testing
