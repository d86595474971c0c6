// The paper's network in small, all of whose steps run on tensor cores.
#pragma once
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

namespace oxbow::testing {

/// Cropped skips, joins, dropout at the bottom, a head.
template <int F, class Inner> using scale = level<stage<F>, seq<max_pool<2>, Inner, up_conv<F>>, stage<F>>;
using small_paper = model<seq<scale<16, scale<40, seq<stage<72>, dropout<.5f>>>>, conv<3, 1>>, tile<44, 52>>;

}  // namespace oxbow::testing
