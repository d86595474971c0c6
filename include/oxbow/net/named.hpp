// Networks with a name. A struct, not an alias: its name is what errors, symbols and profilers print.
#pragma once
#include <oxbow/core/activations.hpp>
#include <oxbow/net/layers.hpp>

namespace oxbow {

/// Two 3×3 convolutions, each followed by a ReLU: the step of the paper's network.
template <int F, pad Border = pad::valid>
using stage = seq<conv<F, 3, Border>, relu, conv<F, 3, Border>, relu>;

/// Encode, go down, come up, join, decode.
template <int F, class Inner, pad Border = pad::valid>
using scale_of = level<stage<F, Border>, seq<max_pool<2>, Inner, up_conv<F>>, stage<F, Border>>;

namespace detail {
template <int Depth, int First, pad Border> struct nested {
  using type = scale_of<First, typename nested<Depth - 1, 2 * First, Border>::type, Border>;
};
template <int First, pad Border> struct nested<0, First, Border> { using type = stage<First, Border>; };
}  // namespace detail

/// The pattern at any depth: Depth poolings, First channels at the top, twice as many at each scale.
template <int Depth, int First = 64, int Classes = 2, pad Border = pad::valid>
struct unet : seq<typename detail::nested<Depth, First, Border>::type, conv<Classes, 1>> {};

/// The paper's network: 23 convolutions, 31,030,658 parameters, 572 × 572 → 388 × 388 × 2.
/// source  Ronneberger, Fischer, Brox: U-Net. MICCAI 2015, figure 1; dropout: section 3.1
struct unet_2015
    : seq<scale_of<64, scale_of<128, scale_of<256, scale_of<512, seq<stage<1024>, dropout<0.5f>>>>>>, conv<2, 1>> {};

/// What the authors released as phseg_v5: ReLU after each up-convolution, dropout at the end of the last two encoder
/// stages, and 128 channels out of the last up-convolution: 31,100,354 parameters.
struct unet_2015_release
    : seq<level<stage<64>, seq<max_pool<2>,
            level<stage<128>, seq<max_pool<2>,
              level<stage<256>, seq<max_pool<2>,
                level<seq<stage<512>, dropout<0.5f>>, seq<max_pool<2>,
                  seq<stage<1024>, dropout<0.5f>>,
                up_conv<512>, relu>, stage<512>>,
              up_conv<256>, relu>, stage<256>>,
            up_conv<128>, relu>, stage<128>>,
          up_conv<128>, relu>, stage<64>>,
          conv<2, 1>> {};

/// A small network that keeps the size: three poolings, 16 channels at the top, 482,000 parameters.
struct unet_small : unet<3, 16, 2, pad::zero> {};

namespace detail {
template <int F> using down = seq<max_pool<2>, stage<F, pad::zero>>;
template <int F> using residual_block = residual<stage<F, pad::zero>, conv<F, 1>>;
template <int F, class Inner>
using residual_scale = level<residual_block<F>, seq<max_pool<2>, Inner, up_conv<F>>, residual_block<F>>;
}  // namespace detail

/// Residual blocks instead of plain stages.
/// source  Zhang, Liu, Wang: Road extraction by deep residual U-Net. 2018 (here without normalisation)
struct residual_unet
    : seq<detail::residual_scale<64,
            detail::residual_scale<128,
              detail::residual_scale<256,
                detail::residual_block<512>>>>,
          conv<2, 1>> {};

/// Nested skips. Rows are scales, columns how often a scale has been refined.
/// source  Zhou et al.: UNet++. 2018, figure 1
struct unet_plus_plus : graph<
    node<"x00", stage<32, pad::zero>, "input">,
    node<"x10", detail::down<64>, "x00">,          node<"u10", up_conv<32>, "x10">,
    node<"x20", detail::down<128>, "x10">,         node<"u20", up_conv<64>, "x20">,
    node<"x30", detail::down<256>, "x20">,         node<"u30", up_conv<128>, "x30">,
    node<"x40", detail::down<512>, "x30">,         node<"u40", up_conv<256>, "x40">,
    node<"x01", stage<32, pad::zero>, "x00", "u10">,
    node<"x11", stage<64, pad::zero>, "x10", "u20">,                node<"u11", up_conv<32>, "x11">,
    node<"x21", stage<128, pad::zero>, "x20", "u30">,               node<"u21", up_conv<64>, "x21">,
    node<"x31", stage<256, pad::zero>, "x30", "u40">,               node<"u31", up_conv<128>, "x31">,
    node<"x02", stage<32, pad::zero>, "x00", "x01", "u11">,
    node<"x12", stage<64, pad::zero>, "x10", "x11", "u21">,         node<"u12", up_conv<32>, "x12">,
    node<"x22", stage<128, pad::zero>, "x20", "x21", "u31">,        node<"u22", up_conv<64>, "x22">,
    node<"x03", stage<32, pad::zero>, "x00", "x01", "x02", "u12">,
    node<"x13", stage<64, pad::zero>, "x10", "x11", "x12", "u22">,  node<"u13", up_conv<32>, "x13">,
    node<"x04", stage<32, pad::zero>, "x00", "x01", "x02", "x03", "u13">,
    node<"mask", conv<2, 1>, "x04">> {};

}  // namespace oxbow
