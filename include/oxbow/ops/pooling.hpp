// Poolings and their gradients. The stride of a pooling is its window.
#pragma once
#include <oxbow/ops/convolution.hpp>

namespace oxbow::ops {

/// A pooled image, and which tap of each window held the maximum.
template <std::floating_point Real> struct pooled {
  tensor<Real> y;
  tensor<Real> place;  ///< row-major number of the tap: whole numbers in 0 … window.volume() − 1
};

constexpr extent pooled_size(extent size, extent window) {
  return {size.depth / window.depth, size.height / window.height, size.width / window.width};
}

/// y(q) = max_t x(q · window + t). Of equal maxima the first in row-major order counts. Pixels beyond the last whole
/// window are not read. Of a window with a NaN nothing is promised.
///
/// shapes  x: channels × size → y and place: channels × (size / window)
template <std::floating_point Real> pooled<Real> max_pool(tensor<Real> const& x, extent window) {
  extent const size = pooled_size(x.size, window);
  pooled<Real> r{{size, x.channels}, {size, x.channels}};
  for (int c = 0; c < x.channels; ++c)
    for_each_pixel(size, [&](pixel q) {
      pixel first;
      for_each_pixel(window, [&](pixel t) {
        if (x(c, enlarge(q, t, window)) > x(c, enlarge(q, first, window))) first = t;
      });
      r.y(c, q) = x(c, enlarge(q, first, window));
      r.place(c, q) = static_cast<Real>(index(window, first));
    });
  return r;
}

/// dx(q · window + t) = dy(q) where t is the place of the maximum, else 0.
///
/// shapes  dy and place: channels × (x_size / window) → dx: channels × x_size
template <std::floating_point Real>
tensor<Real> max_pool_grad(tensor<Real> const& dy, tensor<Real> const& place, extent window, extent x_size) {
  return make_tensor<Real>(x_size, dy.channels, [&](int c, pixel p) {
    auto const [q, t] = enlarged_pixel{p, window};
    bool const held = contains(dy.size, q) && static_cast<std::int64_t>(place(c, q)) == index(window, t);
    return held ? dy(c, q) : Real{0};
  });
}

/// y(q) = the mean of x(q · window + t) over t.
///
/// shapes  x: channels × size → y: channels × (size / window)
template <std::floating_point Real> tensor<Real> avg_pool(tensor<Real> const& x, extent window) {
  return make_tensor<Real>(pooled_size(x.size, window), x.channels, [&](int c, pixel q) {
    double sum = 0;
    for_each_pixel(window, [&](pixel t) { sum += x(c, enlarge(q, t, window)); });
    return sum / static_cast<double>(window.volume());
  });
}

/// dx(q · window + t) = dy(q) / window.volume().
///
/// shapes  dy: channels × (x_size / window) → dx: channels × x_size
template <std::floating_point Real>
tensor<Real> avg_pool_grad(tensor<Real> const& dy, extent window, extent x_size) {
  return make_tensor<Real>(x_size, dy.channels, [&](int c, pixel p) {
    pixel const q = enlarged_pixel{p, window}.small;
    return contains(dy.size, q) ? double{dy(c, q)} / static_cast<double>(window.volume()) : 0.;
  });
}

}  // namespace oxbow::ops
