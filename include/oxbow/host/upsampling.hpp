// Enlarging patches without parameters, and mirrored borders: forward where it is no view, and the gradients.
#pragma once
#include <oxbow/core/mirror.hpp>
#include <oxbow/host/axis_sums.hpp>
#include <oxbow/ops/upsampling.hpp>

namespace oxbow::on_host {
namespace detail {

/// The pixels of an axis that an enlarged pixel is made of.
struct enlarge_axis {
  int factor = 1, size = 1;  ///< size: of the small image
  bool linear = false;

  template <class F> void operator()(int at, F&& f) const {
    if (!linear) return f(at / factor, 1.f);
    ops::linear_taps const taps{at, factor, size};
    if (taps.at[0] == taps.at[1]) return f(taps.at[0], 1.f);
    for (int i = 0; i < 2; ++i)
      if (taps.weight[i] != 0) f(taps.at[i], static_cast<float>(taps.weight[i]));
  }
};

/// The enlarged pixels that a small one is a part of. They lie less than a pixel away from it, borders aside.
struct enlarge_grad_axis {
  enlarge_axis forward{};

  template <class F> void operator()(int at, F&& f) const {
    int const s = forward.factor, around = forward.linear ? 1 : 0;
    int const begin = (at - around) * s, end = (at + 1 + around) * s;
    for (int p = begin < 0 ? 0 : begin; p < end && p < forward.size * s; ++p)
      forward(p, [&](int from, float weight) {
        if (from == at) f(p, weight);
      });
  }
};

/// The pixels of a mirrored image that show pixel `at`: border + at + k · period and border − at + k · period.
struct mirror_grad_axis {
  int border = 0, size = 1;

  template <class F> void operator()(int at, F&& f) const {
    int const end = size + 2 * border;
    if (size == 1) {
      for (int p = 0; p < end; ++p) f(p, 1.f);
      return;
    }
    int const period = 2 * (size - 1);
    for (int p = (border + at) % period; p < end; p += period) f(p, 1.f);
    if (at == 0 || at == size - 1) return;  // an edge is its own mirror image
    for (int p = ((border - at) % period + period) % period; p < end; p += period) f(p, 1.f);
  }
};

struct enlargement {
  enlarge_axis axes[3];
  enlarge_grad_axis grad_axes[3];

  enlargement(extent factor, extent size, bool linear) {
    for (int a = 0; a < 3; ++a) axes[a] = {factor[a], size[a], linear}, grad_axes[a].forward = axes[a];
  }
};
struct mirroring {
  mirror_grad_axis axes[3];

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
