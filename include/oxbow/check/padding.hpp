// How far the padding of a tile reaches into what comes out: the pixels that overlapping tiles throw away.
#pragma once
#include <oxbow/graph/graph.hpp>

namespace oxbow {

/// Output pixels per side, along one axis, that could be others if there were more image in place of the
/// padding (zeros, mirrored pixels, or the edge that a bilinear upsampling repeats). 0 for a network of
/// valid convolutions. About half of what the receptive field would say, because the path of
/// padding is followed on the tile's own pooling grid.
///
/// Counted in pixels c from the tile's border: a padded convolution adds its border, strides and
/// poolings divide and round up, upsampling multiplies, a crop takes away. Statistics that a
/// norm gathers over the whole tile are not counted: they have no reach.
constexpr int padding_reach_along(flat_graph const& net, int axis) {
  list<int, limits::values> reach;
  reach.resize(net.values.size(), 0);
  auto const up_to = [](int pixels, int by) { return (pixels + by - 1) / by; };
  for (int i = 0; i < net.forward_ops; ++i) {
    op const& o = net.ops[i];
    int c = o.in[0] == none ? 0 : reach[o.in[0]];
    switch (o.kind) {
      case op_kind::convolve: c = up_to(c + o.border[axis], o.stride[axis]); break;
      case op_kind::max_pool: case op_kind::avg_pool: c = up_to(c, o.window[axis]); break;
      case op_kind::up_convolve: c *= o.window[axis]; break;
      // Bilinear: output p lies at (p + 1/2)/w − 1/2 and reads the pixel before and after; before the
      // first centre the first pixel is repeated, that is for (w − 1)/2 pixels, rounded up.
      case op_kind::upsample: c = c * o.window[axis] + (o.linear ? o.window[axis] / 2 : 0); break;
      case op_kind::mirror: c += o.border[axis]; break;
      case op_kind::crop: c = c > o.border[axis] ? c - o.border[axis] : 0; break;
      case op_kind::join: case op_kind::add:
        for (int v : o.in)
          if (v != none && reach[v] > c) c = reach[v];
        break;
      default: break;
    }
    reach[o.out[0]] = c;
  }
  return reach[net.output];
}

}  // namespace oxbow
