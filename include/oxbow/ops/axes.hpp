// What an output pixel sums along one axis, for ops whose weights are a product over the axes: every back end's taps.
#pragma once
#include <oxbow/ops/upsampling.hpp>

namespace oxbow::ops {

// Each type has operator()(at, f): it calls f(from, weight) for each input coordinate that output coordinate `at`
// sums, and never for one that counts nothing.

/// The mean of a window, along one axis, and its gradient.
struct mean_axis {
  int window = 1;
  template <class F> OXBOW_DEVICE void operator()(int at, F&& f) const {
    for (int t = 0; t < window; ++t) f(at * window + t, 1.f / static_cast<float>(window));
  }
};
struct mean_grad_axis {
  int window = 1, begin = 0, end = 0;  ///< of the pooled pixels that are there
  template <class F> OXBOW_DEVICE void operator()(int at, F&& f) const {
    if (int const q = at / window; at >= 0 && q >= begin && q < end) f(q, 1.f / static_cast<float>(window));
  }
};

/// The pixels of an axis that an enlarged pixel is made of.
struct enlarge_axis {
  int factor = 1, size = 1;  ///< size: of the small image
  bool linear = false;

  template <class F> OXBOW_DEVICE void operator()(int at, F&& f) const {
    if (!linear) return f(at / factor, 1.f);
    linear_taps const taps{at, factor, size};
    if (taps.at[0] == taps.at[1]) return f(taps.at[0], 1.f);
    for (int i = 0; i < 2; ++i)
      if (taps.weight[i] != 0) f(taps.at[i], static_cast<float>(taps.weight[i]));
  }
};

/// The enlarged pixels that a small one is a part of. They lie less than a pixel away from it, borders aside.
struct enlarge_grad_axis {
  enlarge_axis forward{};

  template <class F> OXBOW_DEVICE void operator()(int at, F&& f) const {
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

  template <class F> OXBOW_DEVICE void operator()(int at, F&& f) const {
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

}  // namespace oxbow::ops
