// How much there is to multiply.
#pragma once
#include <oxbow/graph/graph.hpp>

namespace oxbow {

/// Multiply-adds of one op.
constexpr std::int64_t work_of(flat_graph const& n, op const& o) {
  auto const in = [&](int i) -> value const& { return n.values[o.in[i]]; };
  value const& out = n.values[o.out[0]];
  std::int64_t const taps = o.window.volume();
  switch (o.kind) {
    case op_kind::convolve: return taps * in(0).channels * out.count();
    case op_kind::convolve_grad: return taps * in(0).count() * out.channels;
    case op_kind::convolve_grad_weight: return taps * in(1).channels * in(0).count();
    case op_kind::up_convolve: return in(0).channels * out.count();
    case op_kind::up_convolve_grad: return in(0).count() * out.channels;
    case op_kind::up_convolve_grad_weight: return in(0).count() * in(1).channels;
    default: return 0;
  }
}

}  // namespace oxbow
