// A network of one layer, whose kernels lie in a file of their own.
#pragma once
#include <oxbow/host/network.hpp>
#include <oxbow/net/layers.hpp>

using one_layer = oxbow::model<oxbow::conv<2, 1>, oxbow::tile<4, 4>>;
template <> inline constexpr bool oxbow::multiarch<one_layer> = true;
