// Softmax, weighted cross-entropy and the gradient of both on a patch of logits.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <oxbow/core/image.hpp>
#include <oxbow/host/patch.hpp>
#include <oxbow/host/simd.hpp>
#include <oxbow/lower/plan.hpp>

namespace oxbow::on_host {

namespace detail {

/// Where a pixel of a value lies in a stored tensor that is seen through an operand, or −1 outside of it.
inline std::int64_t pixel_in(operand const& o, int z, int y, int x) {
  z += o.shift.depth, y += o.shift.height, x += o.shift.width;
  return o.size.contains(z, y, x) ? o.size.index(z, y, x) : -1;
}

/// What the loss knows about some neighbouring pixels of a row, as many as a vector has floats.
template <class Arch> struct loss_pixels {
  static constexpr int w = width_of<Arch>;
  alignas(64) float logits[256][w] = {};  ///< classes × pixels; a label is a byte
  alignas(64) float label[w] = {}, weight[w] = {};

  /// From logits, the gradient; returns the loss of each pixel. Sums leave out what would cancel: the loss is
  /// log(1 + Σ exp of all but the largest) + (largest − the label's), two terms that are never negative, and the
  /// gradient at the label is −Σ of the other classes' shares. So both keep their relative accuracy where the
  /// network is sure.
  vec<Arch> differentiate(int classes, float per_pixel) {
    using v = vec<Arch>;
    v const zero(0.f), one(1.f), l = v::load_aligned(label);
    v most = v::load_aligned(logits[0]), which = zero, chosen = most;
    for (int k = 1; k < classes; ++k) {
      v const x = v::load_aligned(logits[k]), number(static_cast<float>(k));
      auto const more = x > most;
      most = xsimd::select(more, x, most);
      which = xsimd::select(more, number, which);
      chosen = xsimd::select(l == number, x, chosen);
    }
    v rest = zero, others = zero;  // without the largest; without the label's
    for (int k = 0; k < classes; ++k) {
      v const number(static_cast<float>(k));
      v const e = xsimd::exp(v::load_aligned(logits[k]) - most);
      rest = rest + xsimd::select(which == number, zero, e);
      others = others + xsimd::select(l == number, zero, e);
      e.store_aligned(logits[k]);
    }
    auto const counts = l != v(static_cast<float>(ignored));
    v const share = v::load_aligned(weight) * v(per_pixel);
    v const scale = share / (one + rest);
    for (int k = 0; k < classes; ++k) {
      v const d = xsimd::select(l == v(static_cast<float>(k)), -others, v::load_aligned(logits[k]));
      xsimd::select(counts, d * scale, zero).store_aligned(logits[k]);
    }
    return xsimd::select(counts, share * (xsimd::log1p(rest) + (most - chosen)), zero);
  }
};

}  // namespace detail

/// Replaces logits by their gradient and writes the loss of each pixel; see ops/loss.hpp.
/// With n labelled pixels: loss(p) = −weight(p) / n · log softmax[label(p)](p), and zero where the label is `ignored`.
///
/// shapes  logits: classes × any box; loss: 1 × the same box
///         labels (bytes) and weights (floats): stored tensors of one channel; where a pixel of the box lies outside
///         of them its label is `ignored`
/// needs   per_pixel = 1 / n, n from count_labels(), which has also looked for labels that are no class; at most 255
///         classes
/// errors  none; a NaN among a labelled pixel's logits makes its loss NaN
/// cost    one exp per class and one log per pixel, in vectors
template <class Arch = native> void softmax_loss(patch const& logits, operand const& labels, operand const& weights,
                                                 std::byte const* arena, float per_pixel, patch const& loss) {
  detail::loss_pixels<Arch> some;
  constexpr int w = detail::loss_pixels<Arch>::w;
  int const classes = logits.channels;
  box const& at = logits.where;
  auto const* const weight = reinterpret_cast<float const*>(arena + weights.offset);
  for (int z = 0; z < at.size.depth; ++z)
    for (int y = 0; y < at.size.height; ++y)
      for (int x = 0; x < at.size.width; x += w) {
        int const count = at.size.width - x < w ? at.size.width - x : w;
        for (int i = 0; i < count; ++i) {
          int const pz = at.origin.depth + z, py = at.origin.height + y, px = at.origin.width + x + i;
          std::int64_t const from = detail::pixel_in(labels, pz, py, px), of = detail::pixel_in(weights, pz, py, px);
          some.label[i] = from < 0 ? ignored : static_cast<float>(static_cast<int>(arena[labels.offset + from]));
          some.weight[i] = of < 0 ? 0.f : weight[of];
        }
        for (int k = 0; k < classes; ++k) {
          float const* in = logits.at(k / layout::block, z, y, x) + k % layout::block;
          for (int i = 0; i < count; ++i) some.logits[k][i] = in[i * logits.lanes];
        }
        alignas(64) float made[w];
        some.differentiate(classes, per_pixel).store_aligned(made);
        for (int k = 0; k < classes; ++k) {
          float* out = logits.at(k / layout::block, z, y, x) + k % layout::block;
          for (int i = 0; i < count; ++i) out[i * logits.lanes] = some.logits[k][i];
        }
        for (int i = 0; i < count; ++i) *(loss.at(0, z, y, x) + i * loss.lanes) = made[i];
      }
}

/// The same for any loss: one pixel after the other. sums: what loss_overlap has made; null without a region.
/// cost  one exp per class, and what the loss costs, without vectors: the loss is a small part of a step
inline void pixel_losses(loss_function const& of, patch const& logits, operand const& labels, operand const& weights,
                         std::byte const* arena, float per_pixel, patch const& loss,
                         float const* sums = nullptr) {
  float gradient[256], room[3 * 256];  // a label is a byte
  overlap_slope<float> slopes[256];
  int const classes = logits.channels;
  float const region = sums != nullptr ? region_slopes(of, sums, classes, slopes) * per_pixel : 0.f;
  box const& at = logits.where;
  auto const* const weight = reinterpret_cast<float const*>(arena + weights.offset);
  for (int z = 0; z < at.size.depth; ++z)
    for (int y = 0; y < at.size.height; ++y)
      for (int x = 0; x < at.size.width; ++x) {
        int const pz = at.origin.depth + z, py = at.origin.height + y, px = at.origin.width + x;
        std::int64_t const from = detail::pixel_in(labels, pz, py, px), by = detail::pixel_in(weights, pz, py, px);
        int const label = from < 0 ? ignored : static_cast<int>(arena[labels.offset + from]);
        float made = 0;
        if (label == ignored) {
          std::fill_n(gradient, classes, 0.f);
        } else {
          for (int k = 0; k < classes; ++k) gradient[k] = logits.at(k / layout::block, z, y, x)[k % layout::block];
          float const w = by < 0 ? 0.f : weight[by];
          made = w * per_pixel * pixel_gradient(of, gradient, 1, classes, label, room) + region;
          for (int k = 0; k < classes; ++k) gradient[k] *= w * per_pixel;
          if (sums != nullptr) add_region_gradient(slopes, room, classes, label, w, gradient);
        }
        for (int k = 0; k < classes; ++k) logits.at(k / layout::block, z, y, x)[k % layout::block] = gradient[k];
        *loss.at(0, z, y, x) = made;
      }
}

}  // namespace oxbow::on_host
