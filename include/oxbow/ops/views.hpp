// Ops that move pixels and compute nothing. When fused they are address arithmetic.
#pragma once
#include <oxbow/core/mirror.hpp>
#include <oxbow/ops/tensor.hpp>

namespace oxbow::ops {

constexpr extent bordered(extent size, extent border) {
  return {size.depth + 2 * border.depth, size.height + 2 * border.height, size.width + 2 * border.width};
}

/// y(p) = x(p + border): a part of x. Its gradient is pad_zero.
///
/// shapes  x: channels × x_size → y: channels × size, with border + size ≤ x_size on each axis
template <std::floating_point Real> tensor<Real> crop(tensor<Real> const& x, extent border, extent size) {
  return make_tensor<Real>(size, x.channels, [&](int c, pixel p) { return x(c, shifted(p, border)); });
}

/// y(p) = x(p − border), zero outside. Its gradient is crop.
///
/// shapes  x: channels × x_size → y: channels × size, with border + x_size ≤ size on each axis
template <std::floating_point Real> tensor<Real> pad_zero(tensor<Real> const& x, extent border, extent size) {
  return make_tensor<Real>(size, x.channels, [&](int c, pixel p) {
    pixel const q = shifted(p, border, -1);
    return contains(x.size, q) ? x(c, q) : Real{0};
  });
}

/// The pixel of an image that pixel p of the same image with a mirrored border shows.
constexpr pixel mirrored_pixel(pixel p, extent border, extent size) {
  pixel q;
  for (int a = 0; a < 3; ++a) q[a] = mirrored(p[a] - border[a], size[a]);
  return q;
}

/// y(p) = x(the mirror image of p − border). The edge pixels are not repeated.
///
/// shapes  x: channels × size → y: channels × (size + 2 · border)
/// source  PyTorch, pad with mode="reflect"
template <std::floating_point Real> tensor<Real> mirror(tensor<Real> const& x, extent border) {
  return make_tensor<Real>(bordered(x.size, border), x.channels,
                           [&](int c, pixel p) { return x(c, mirrored_pixel(p, border, x.size)); });
}

/// dx(q) = Σ dy(p) over all p that show q: the border folds back onto the image.
///
/// shapes  dy: channels × (x_size + 2 · border) → dx: channels × x_size
template <std::floating_point Real> tensor<Real> mirror_grad(tensor<Real> const& dy, extent border, extent x_size) {
  tensor<double> dx{x_size, dy.channels};
  for (int c = 0; c < dy.channels; ++c)
    for_each_pixel(dy.size, [&](pixel p) { dx(c, mirrored_pixel(p, border, x_size)) += dy(c, p); });
  return make_tensor<Real>(x_size, dy.channels, [&](int c, pixel q) { return dx(c, q); });
}

/// The channels of a, then those of b. Its gradient is a slice for each.
///
/// shapes  a: n × size, b: m × size → (n + m) × size
template <std::floating_point Real> tensor<Real> join(tensor<Real> const& a, tensor<Real> const& b) {
  return make_tensor<Real>(a.size, a.channels + b.channels,
                           [&](int c, pixel p) { return c < a.channels ? a(c, p) : b(c - a.channels, p); });
}

/// `channels` channels of x, from `first` on.
template <std::floating_point Real> tensor<Real> slice(tensor<Real> const& x, int first, int channels) {
  return make_tensor<Real>(x.size, channels, [&](int c, pixel p) { return x(first + c, p); });
}

}  // namespace oxbow::ops
