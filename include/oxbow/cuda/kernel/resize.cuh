// Poolings, enlargements, and the gradients of both and of mirrored borders.
#pragma once
#include <oxbow/cuda/kernel/patch.cuh>
#include <oxbow/ops/axes.hpp>

namespace oxbow::on_cuda {

// `x` is anything with operator()(c, z, y, x): a patch, or stored tensors.

/// y(q) = max_t x(q · window + t), and the number of the first such tap, where `place` is a patch.
template <class X> __device__ void max_pool(X const& x, patch const& y, extent window, patch const* place) {
  for_each(y.where, y.first, y.count, [&](int c, int z, int v, int u) {
    float most = 0;
    int at = 0, tap = 0;
    for (int tz = 0; tz < window.depth; ++tz)
      for (int ty = 0; ty < window.height; ++ty)
        for (int tx = 0; tx < window.width; ++tx, ++tap) {
          float const e = x(c, z * window.depth + tz, v * window.height + ty, u * window.width + tx);
          if (tap == 0 || e > most) most = e, at = tap;
        }
    y(c, z, v, u) = most;
    if (place != nullptr) (*place)(c, z, v, u) = static_cast<float>(at);
  });
}

/// Packs the places of a patch into the tensor: a thread writes a whole byte, so that no two write the same.
/// needs  the patch's first channel is a multiple of a block
inline __noinline__ __device__ void store_places(patch const& place, stored const& to, std::byte* arena) {
  int const per_byte = 8 / to.bits, end = place.first + place.count;
  for_each(intersection(place.where, {{0, 0, 0}, to.size}), 0, (place.count + per_byte - 1) / per_byte,
           [&](int byte, int z, int y, int x) {
             int const c = place.first + byte * per_byte;
             int value = 0;
             for (int i = 0; i < per_byte && c + i < end; ++i)
               value |= static_cast<int>(place(c + i, z, y, x)) << i * to.bits;
             arena[place_byte(to, c, z, y, x)] = static_cast<std::byte>(value);
           });
}

/// dx(q · window + t) = dy(q) where t is the place of the maximum, else 0; 0 beyond the last whole window.
template <class Dy> __device__ void max_pool_grad(Dy const& dy, stored const& place, std::byte const* arena,
                                                  patch const& dx, extent window) {
  for_each(dx.where, dx.first, dx.count, [&](int c, int z, int y, int x) {
    int const qz = z / window.depth, qy = y / window.height, qx = x / window.width;
    int const tap = (z % window.depth * window.height + y % window.height) * window.width + x % window.width;
    bool const held =
        z >= 0 && y >= 0 && x >= 0 && place.size.contains(qz, qy, qx) && read_place(place, arena, c, qz, qy, qx) == tap;
    dx(c, z, y, x) = held ? dy(c, qz, qy, qx) : 0.f;
  });
}

/// y(p) = Σ weight · x(q): the weights a product over the axes, each described as in ops/axes.hpp.
template <class X, class Axis> __device__ void sum_along_axes(X const& x, patch const& y, Axis const (&axes)[3]) {
  for_each(y.where, y.first, y.count, [&](int c, int z, int v, int u) {
    float sum = 0;
    axes[0](z, [&](int qz, float wz) {
      axes[1](v, [&](int qy, float wy) {
        axes[2](u, [&](int qx, float wx) { sum = fmaf(wz * wy * wx, x(c, qz, qy, qx), sum); });
      });
    });
    y(c, z, v, u) = sum;
  });
}

}  // namespace oxbow::on_cuda
