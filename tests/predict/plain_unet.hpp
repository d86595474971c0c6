// A small U-Net written out in plain loops, on images of any legal size: nothing of it is shared
// with the library, so it can tell whether tiles were cut and joined rightly.
#pragma once
#include <algorithm>
#include <vector>

#include <oxbow/core/extent.hpp>
#include <oxbow/core/image.hpp>
#include <oxbow/core/random.hpp>

namespace plain_unet {

using oxbow::extent;
using oxbow::image;

/// A weight that is different for every layer, tap and channel pair.
inline float weight(int layer, int tap, int from, int to) {
  static std::vector<float> const table = [] {
    oxbow::random_stream const stream{7, oxbow::purpose::example_data, 0, 3};
    std::vector<float> t(100 * 27 * 16);
    for (std::size_t i = 0; i < t.size(); ++i) t[i] = stream.uniform(i, -0.4f, 0.5f);
    return t;
  }();
  return table[static_cast<std::size_t>(((layer * 27 + tap) * 4 + from) * 4 + to)];
}

/// 3×3 (×3 where volume) convolution and ReLU, valid or with zeros around. Always sums in the same order.
inline image<float> conv(image<float> const& x, int outputs, int layer, bool volume, bool padded) {
  extent const r{volume ? 1 : 0, 1, 1};
  extent const out = padded ? x.size : extent{x.size.depth - 2 * r.depth, x.size.height - 2, x.size.width - 2};
  extent const shift = padded ? r : extent{0, 0, 0};
  image<float> y(out, outputs);
  for (int z = 0; z < out.depth; ++z)
    for (int v = 0; v < out.height; ++v)
      for (int u = 0; u < out.width; ++u)
        for (int o = 0; o < outputs; ++o) {
          float sum = 0.05f;
          int tap = 0;
          for (int a = 0; a <= 2 * r.depth; ++a)
            for (int b = 0; b < 3; ++b)
              for (int c = 0; c < 3; ++c, ++tap) {
                int const iz = z + a - shift.depth, iy = v + b - shift.height, ix = u + c - shift.width;
                if (!x.size.contains(iz, iy, ix)) continue;
                for (int i = 0; i < x.channels; ++i) sum += weight(layer, tap, i, o) * x(iz, iy, ix, i);
              }
          y(z, v, u, o) = std::max(0.f, sum);
        }
  return y;
}

inline image<float> pool(image<float> const& x, bool volume) {
  int const d = volume ? 2 : 1;
  image<float> y({x.size.depth / d, x.size.height / 2, x.size.width / 2}, x.channels);
  for (int z = 0; z < y.size.depth; ++z)
    for (int v = 0; v < y.size.height; ++v)
      for (int u = 0; u < y.size.width; ++u)
        for (int c = 0; c < x.channels; ++c) {
          float top = x(z * d, 2 * v, 2 * u, c);
          for (int k = 0; k < 4 * d; ++k) top = std::max(top, x(z * d + k / 4, 2 * v + k / 2 % 2, 2 * u + k % 2, c));
          y(z, v, u, c) = top;
        }
  return y;
}

/// Transposed convolution with stride 2: every phase of the output has weights of its own.
inline image<float> up(image<float> const& x, int layer, bool volume) {
  int const d = volume ? 2 : 1;
  image<float> y({x.size.depth * d, x.size.height * 2, x.size.width * 2}, x.channels);
  for (int z = 0; z < y.size.depth; ++z)
    for (int v = 0; v < y.size.height; ++v)
      for (int u = 0; u < y.size.width; ++u)
        for (int o = 0; o < x.channels; ++o) {
          float sum = 0;
          int const tap = (z % d * 2 + v % 2) * 2 + u % 2;
          for (int i = 0; i < x.channels; ++i) sum += weight(layer, tap, i, o) * x(z / d, v / 2, u / 2, i);
          y(z, v, u, o) = sum;
        }
  return y;
}

/// Encode, pool, inner, up, add the cropped skip, decode.
inline image<float> level(image<float> const& x, int depth, bool volume, bool padded) {
  if (depth == 0) return conv(x, 3, 90, volume, padded);
  image<float> const skip = conv(x, 3, 10 + depth, volume, padded);
  image<float> y = up(level(pool(skip, volume), depth - 1, volume, padded), 30 + depth, volume);
  int const cz = (skip.size.depth - y.size.depth) / 2, cy = (skip.size.height - y.size.height) / 2,
            cx = (skip.size.width - y.size.width) / 2;
  for (int z = 0; z < y.size.depth; ++z)
    for (int v = 0; v < y.size.height; ++v)
      for (int u = 0; u < y.size.width; ++u)
        for (int c = 0; c < 3; ++c) y(z, v, u, c) += skip(z + cz, v + cy, u + cx, c);
  return conv(y, 3, 50 + depth, volume, padded);
}

/// Output pixels that a tile axis gives with valid convolutions; 0 where the size is not legal.
constexpr int valid_output(int size, int depth) {
  if (depth == 0) return size > 2 ? size - 2 : 0;
  if (size < 4 || (size - 2) % 2) return 0;
  int const inner = valid_output((size - 2) / 2, depth - 1);
  return inner > 1 ? 2 * inner - 2 : 0;
}

/// How far a pixel of the output sees: a convolution at each end, and through pooling twice as far and one more.
constexpr int radius(int depth) { return depth == 0 ? 1 : 2 + 2 * radius(depth - 1) + 1; }

/// How far padding comes in, when it has come in by c pixels already: one at each convolution.
constexpr int reach(int depth, int c = 0) {
  if (depth == 0) return c + 1;
  int const skip = c + 1, inner = 2 * reach(depth - 1, (skip + 1) / 2);
  return (inner > skip ? inner : skip) + 1;
}

/// The facts that a model states, for the network above.
template <int Depth, bool Padded, int TileZ, int TileY, int TileX> struct facts {
  static constexpr bool volume = TileZ > 1, padded_net = Padded;
  static constexpr int depth = Depth, input_channels = 2, classes = 3, alignment = 1 << Depth;
  static constexpr extent tile{TileZ, TileY, TileX};
  static constexpr extent output =
      Padded ? tile
             : extent{volume ? valid_output(TileZ, Depth) : 1, valid_output(TileY, Depth), valid_output(TileX, Depth)};
  static constexpr extent halo{(tile.depth - output.depth) / 2, (tile.height - output.height) / 2,
                               (tile.width - output.width) / 2};
  static constexpr int border = Padded ? reach(Depth) : 0;
  static constexpr bool keeps_scale = true;
  static constexpr extent padding_reach{volume ? border : 0, border, border};
};

}  // namespace plain_unet
