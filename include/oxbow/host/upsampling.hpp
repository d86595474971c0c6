// Enlarging patches without parameters, and mirrored borders: forward where it is no view, and the gradients.
#pragma once
#include <oxbow/host/axis_sums.hpp>
#include <oxbow/ops/axes.hpp>

namespace oxbow::on_host {
namespace detail {

struct enlargement {
  ops::enlarge_axis axes[3];
  ops::enlarge_grad_axis grad_axes[3];

  enlargement(extent factor, extent size, bool linear) {
    for (int a = 0; a < 3; ++a) axes[a] = {factor[a], size[a], linear}, grad_axes[a].forward = axes[a];
  }
};
struct mirroring {
  ops::mirror_grad_axis axes[3];

  mirroring(extent border, extent size) {
    for (int a = 0; a < 3; ++a) axes[a] = {border[a], size[a]};
  }
};

}  // namespace detail

/// The box of x, a tensor of x_size pixels, that upsample reads for a box of y within y's tensor.
inline box upsample_input(box const& y, extent x_size, extent factor, bool linear) {
  return box_read(y, detail::enlargement{factor, x_size, linear}.axes);
}
/// y(p) = x(p / factor), or with `linear` bilinear (trilinear) between the centres of pixels; see ops/upsampling.hpp.
///
/// shapes  y: any box within the tensor of x_size · factor pixels; x covers upsample_input() of it
/// cost    one multiply-add per element, with `linear` 2 per axis that is enlarged, multiplied
template <class Arch = native>
void upsample(patch const& x, extent x_size, patch const& y, extent factor, bool linear) {
  sum_along_axes<Arch>(x, y, detail::enlargement{factor, x_size, linear}.axes);
}

/// The box of dy that upsample_grad reads for a box of dx.
inline box upsample_grad_input(box const& dx, extent dx_size, extent factor, bool linear) {
  return box_read(dx, detail::enlargement{factor, dx_size, linear}.grad_axes);
}
/// dx(q) = Σ weight · dy(p) over the enlarged pixels p that q is a part of.
///
/// shapes  dx: any box within the tensor of dx_size pixels; dy covers upsample_grad_input() of it
/// cost    factor multiply-adds per axis, multiplied; with `linear` twice that per axis
template <class Arch = native>
void upsample_grad(patch const& dy, patch const& dx, extent dx_size, extent factor, bool linear) {
  sum_along_axes<Arch>(dy, dx, detail::enlargement{factor, dx_size, linear}.grad_axes);
}

/// The box of dy, a tensor of dx_size + 2 · border pixels, that mirror_grad reads for a box of dx.
inline box mirror_grad_input(box const& dx, extent border, extent dx_size) {
  return box_read(dx, detail::mirroring{border, dx_size}.axes);
}
/// dx(q) = Σ dy(p) over all pixels p of the mirrored image that show q: the border folds back onto the image.
///
/// shapes  dx: any box within the tensor of dx_size pixels; dy covers mirror_grad_input() of it
/// cost    a copy, but for the pixels that the border shows
template <class Arch = native> void mirror_grad(patch const& dy, patch const& dx, extent border, extent dx_size) {
  sum_along_axes<Arch>(dy, dx, detail::mirroring{border, dx_size}.axes);
}

}  // namespace oxbow::on_host
