// Enlarging without parameters, and the gradient of it.
#pragma once
#include <cmath>

#include <oxbow/ops/convolution.hpp>

namespace oxbow::ops {

/// y(p) = x(p / factor).
///
/// shapes  x: channels × size → y: channels × (size · factor)
template <std::floating_point Real> tensor<Real> upsample_nearest(tensor<Real> const& x, extent factor) {
  return make_tensor<Real>(enlarge(x.size, factor), x.channels,
                           [&](int c, pixel p) { return x(c, enlarged_pixel{p, factor}.small); });
}

/// dx(q) = Σ_t dy(q · factor + t).
template <std::floating_point Real> tensor<Real> upsample_nearest_grad(tensor<Real> const& dy, extent factor) {
  extent const size{dy.size.depth / factor.depth, dy.size.height / factor.height, dy.size.width / factor.width};
  return make_tensor<Real>(size, dy.channels, [&](int c, pixel q) {
    double sum = 0;
    for_each_pixel(factor, [&](pixel t) { sum += dy(c, enlarge(q, t, factor)); });
    return sum;
  });
}

/// The two pixels of an axis between which an enlarged pixel lies, and how much each counts.
struct linear_taps {
  int at[2];
  double weight[2];

  /// Pixel centres lie at the halves: enlarged pixel p has its centre at (p + ½) / factor − ½. Beyond the centres of
  /// the first and the last pixel those pixels go on.
  OXBOW_DEVICE linear_taps(int p, int factor, int size) {
    double const centre = (p + 0.5) / factor - 0.5, below = std::floor(centre);
    for (int i = 0; i < 2; ++i) {
      int const q = static_cast<int>(below) + i;
      at[i] = q < 0 ? 0 : q >= size ? size - 1 : q;
    }
    weight[1] = centre - below;
    weight[0] = 1 - weight[1];
  }
};

/// Calls f(q, weight) for the eight pixels of the small image that enlarged pixel p lies between (four of them count
/// in 2-D). The weights add up to 1. A pixel at the edge may come more than once.
template <class F> void for_each_neighbour(pixel p, extent factor, extent small, F&& f) {
  linear_taps const z{p.z, factor.depth, small.depth}, y{p.y, factor.height, small.height},
      x{p.x, factor.width, small.width};
  for_each_pixel({2, 2, 2}, [&](pixel side) {
    f(pixel{z.at[side.z], y.at[side.y], x.at[side.x]}, z.weight[side.z] * y.weight[side.y] * x.weight[side.x]);
  });
}

/// Bilinear, in 3-D trilinear: y(p) = Σ weight(p, q) · x(q) over the neighbours q of p.
///
/// shapes  x: channels × size → y: channels × (size · factor)
/// source  PyTorch, interpolate with align_corners=False
template <std::floating_point Real> tensor<Real> upsample_linear(tensor<Real> const& x, extent factor) {
  return make_tensor<Real>(enlarge(x.size, factor), x.channels, [&](int c, pixel p) {
    double sum = 0;
    for_each_neighbour(p, factor, x.size, [&](pixel q, double weight) { sum += weight * x(c, q); });
    return sum;
  });
}

/// dx(q) = Σ_p weight(p, q) · dy(p): each enlarged pixel gives its gradient back to the pixels it read.
template <std::floating_point Real> tensor<Real> upsample_linear_grad(tensor<Real> const& dy, extent factor) {
  extent const size{dy.size.depth / factor.depth, dy.size.height / factor.height, dy.size.width / factor.width};
  tensor<double> dx{size, dy.channels};
  for (int c = 0; c < dy.channels; ++c)
    for_each_pixel(dy.size, [&](pixel p) {
      for_each_neighbour(p, factor, size, [&](pixel q, double weight) { dx(c, q) += weight * dy(c, p); });
    });
  return make_tensor<Real>(size, dy.channels, [&](int c, pixel q) { return dx(c, q); });
}

}  // namespace oxbow::ops
