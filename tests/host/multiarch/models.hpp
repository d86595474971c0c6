// Networks whose kernels a program carries for every instruction set: between them fast and direct convolutions, odd channels,
// and one of each kind of step.
#pragma once
#include <oxbow/host/network.hpp>
#include <oxbow/net/named.hpp>

namespace oxbow::testing {

template <int F> using same = seq<conv<F, 3, pad::zero>, batch_norm, silu>;
using many_steps = model<seq<same<17>, level<seq<conv<20, 3, pad::zero>, relu>, seq<max_pool<2>, same<33>, up_conv<20>>,
                                             seq<conv<24, 3, pad::zero>, gelu>>,
                             dropout<.3f>, conv<3, 1>>,
                         tile<18, 26>, channels<3>>;

}  // namespace oxbow::testing

// [flag]
template <> inline constexpr bool oxbow::multiarch<oxbow::testing::many_steps> = true;
// [/flag]
