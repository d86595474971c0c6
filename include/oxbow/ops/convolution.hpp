// Convolutions and their gradients.
#pragma once
#include <oxbow/ops/tensor.hpp>

namespace oxbow::ops {

/// Where the taps of a window fall: output pixel p reads with tap t the input pixel p · stride + t · dilation − border.
struct taps {
  extent window{}, stride{}, dilation{}, border{0, 0, 0};

  constexpr pixel input(pixel p, pixel t) const {
    pixel q;
    for (int a = 0; a < 3; ++a) q[a] = p[a] * stride[a] + t[a] * dilation[a] - border[a];
    return q;
  }
  /// The output size for an input; below 1 on an axis where the window does not fit.
  constexpr extent output_size(extent x) const {
    extent y;
    for (int a = 0; a < 3; ++a) {
      int const room = x[a] + 2 * border[a] - ((window[a] - 1) * dilation[a] + 1);
      y[a] = room < 0 ? 0 : room / stride[a] + 1;
    }
    return y;
  }
};

/// y[k](p) = bias[k] + Σ_c Σ_t w[k][c][t] · x[c](p · stride + t · dilation − border), zero outside the input.
///
/// shapes  x: in × size → y: out × output_size(size); w: (out, in, window); bias: out
/// source  PyTorch, conv2d and conv3d (a cross-correlation: the window is not flipped)
template <std::floating_point Real>
tensor<Real> convolve(tensor<Real> const& x, filter<Real> const& w, std::vector<Real> const& bias, taps const& at) {
  return make_tensor<Real>(at.output_size(x.size), w.rows, [&](int k, pixel p) {
    double sum = static_cast<double>(bias[static_cast<std::size_t>(k)]);
    for (int c = 0; c < x.channels; ++c)
      for_each_pixel(at.window, [&](pixel t) {
        pixel const q = at.input(p, t);
        if (contains(x.size, q)) sum += double{w(k, c, t)} * x(c, q);
      });
    return sum;
  });
}

/// dx[c](q) = Σ_k Σ_t w[k][c][t] · dy[k](p) over the (p, t) for which p reads q with tap t.
///
/// shapes  dy: out × output_size(x_size) → dx: in × x_size
template <std::floating_point Real>
tensor<Real> convolve_grad(tensor<Real> const& dy, filter<Real> const& w, taps const& at, extent x_size) {
  return make_tensor<Real>(x_size, w.columns, [&](int c, pixel q) {
    double sum = 0;
    for_each_pixel(at.window, [&](pixel t) {
      pixel p;
      for (int a = 0; a < 3; ++a) {
        int const from = q[a] + at.border[a] - t[a] * at.dilation[a];  // = p · stride, for some p, or t never reads q
        if (from % at.stride[a] != 0) return;
        p[a] = from / at.stride[a];
      }
      if (!contains(dy.size, p)) return;
      for (int k = 0; k < dy.channels; ++k) sum += double{w(k, c, t)} * dy(k, p);
    });
    return sum;
  });
}

/// dw[k][c][t] = Σ_p dy[k](p) · x[c](p · stride + t · dilation − border), zero outside the input.
///
/// shapes  dy: out × output_size(size), x: in × size → dw: (out, in, window)
template <std::floating_point Real>
filter<Real> convolve_grad_weight(tensor<Real> const& dy, tensor<Real> const& x, taps const& at) {
  return make_filter<Real>(dy.channels, x.channels, at.window, [&](int k, int c, pixel t) {
    double sum = 0;
    for_each_pixel(dy.size, [&](pixel p) {
      pixel const q = at.input(p, t);
      if (contains(x.size, q)) sum += double{dy(k, p)} * x(c, q);
    });
    return sum;
  });
}

/// dbias[k] = Σ_p dy[k](p), for convolutions and up-convolutions alike.
template <std::floating_point Real> std::vector<Real> bias_grad(tensor<Real> const& dy) {
  std::vector<Real> sums;
  for (int k = 0; k < dy.channels; ++k) {
    double sum = 0;
    for_each_pixel(dy.size, [&](pixel p) { sum += dy(k, p); });
    sums.push_back(static_cast<Real>(sum));
  }
  return sums;
}

/// Where the windows of an image that is enlarged by `factor` come from: pixel p of the large image lies in the window
/// of pixel p / factor of the small one, at the tap p mod factor.
struct enlarged_pixel {
  pixel small, tap;

  constexpr enlarged_pixel(pixel p, extent factor) {
    for (int a = 0; a < 3; ++a) small[a] = p[a] / factor[a], tap[a] = p[a] % factor[a];
  }
};
constexpr pixel enlarge(pixel small, pixel tap, extent factor) {
  pixel p;
  for (int a = 0; a < 3; ++a) p[a] = small[a] * factor[a] + tap[a];
  return p;
}
constexpr extent enlarge(extent size, extent factor) {
  return {size.depth * factor.depth, size.height * factor.height, size.width * factor.width};
}

/// Transposed convolution whose stride is its window s, so that windows do not overlap:
/// y[k](q · s + t) = bias[k] + Σ_c w[c][k][t] · x[c](q).
///
/// shapes  x: in × size → y: out × (size · s); w: (in, out, s); bias: out
/// source  PyTorch, conv_transpose2d and conv_transpose3d
template <std::floating_point Real>
tensor<Real> up_convolve(tensor<Real> const& x, filter<Real> const& w, std::vector<Real> const& bias) {
  return make_tensor<Real>(enlarge(x.size, w.window), w.columns, [&](int k, pixel p) {
    auto const [q, t] = enlarged_pixel{p, w.window};
    double sum = static_cast<double>(bias[static_cast<std::size_t>(k)]);
    for (int c = 0; c < x.channels; ++c) sum += double{w(c, k, t)} * x(c, q);
    return sum;
  });
}

/// dx[c](q) = Σ_k Σ_t w[c][k][t] · dy[k](q · s + t).
///
/// shapes  dy: out × (x_size · s) → dx: in × x_size
template <std::floating_point Real>
tensor<Real> up_convolve_grad(tensor<Real> const& dy, filter<Real> const& w, extent x_size) {
  return make_tensor<Real>(x_size, w.rows, [&](int c, pixel q) {
    double sum = 0;
    for (int k = 0; k < dy.channels; ++k)
      for_each_pixel(w.window, [&](pixel t) { sum += double{w(c, k, t)} * dy(k, enlarge(q, t, w.window)); });
    return sum;
  });
}

/// dw[c][k][t] = Σ_q x[c](q) · dy[k](q · s + t).
///
/// shapes  dy: out × (size · s), x: in × size → dw: (in, out, s)
template <std::floating_point Real>
filter<Real> up_convolve_grad_weight(tensor<Real> const& dy, tensor<Real> const& x, extent window) {
  return make_filter<Real>(x.channels, dy.channels, window, [&](int c, int k, pixel t) {
    double sum = 0;
    for_each_pixel(x.size, [&](pixel q) { sum += double{x(c, q)} * dy(k, enlarge(q, t, window)); });
    return sum;
  });
}

}  // namespace oxbow::ops
