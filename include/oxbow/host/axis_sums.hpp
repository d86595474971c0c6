// Ops whose output pixels are weighted sums of input pixels, the weights a product over the axes.
#pragma once
#include <vector>

#include <oxbow/host/patch.hpp>
#include <oxbow/host/simd.hpp>

namespace oxbow::on_host {

/// An op is described by one type per axis with a member `template <class F> void operator()(int at, F f) const` that
/// calls f(from, weight) for each input coordinate that output coordinate `at` sums, in rising order or not, and
/// never for one that counts nothing. What is read and what must be there to be read then come from one place.
template <class Axis> box box_read(box const& y, Axis const (&axes)[3]) {
  box x;
  for (int a = 0; a < 3; ++a) {
    int low = 0, high = 0;  // [low, high): what has been seen so far
    for (int at = y.origin[a]; at < y.end(a); ++at)
      axes[a](at, [&](int from, float) {
        if (low == high) low = from, high = from + 1;
        low = from < low ? from : low;
        high = from + 1 > high ? from + 1 : high;
      });
    x.origin[a] = low, x.size[a] = high - low;
  }
  return x;
}

namespace detail {

/// An input pixel, as floats from the start of a block (or, on one axis, pixels), and how much it counts.
struct weighted {
  std::ptrdiff_t from;
  float weight;
};

/// For each output coordinate of a box's axis what it sums; position i has terms[begin[i]] … terms[begin[i + 1] − 1].
struct axis_terms {
  std::vector<weighted> terms;
  std::vector<int> begin{0};

  template <class Axis> axis_terms(Axis const& axis, int first, int count, int input_first, std::ptrdiff_t stride) {
    for (int i = 0; i < count; ++i) {
      axis(first + i, [&](int from, float weight) { terms.push_back({(from - input_first) * stride, weight}); });
      begin.push_back(static_cast<int>(terms.size()));
    }
  }
  weighted const* from(int i) const { return terms.data() + begin[static_cast<std::size_t>(i)]; }
  weighted const* to(int i) const { return from(i + 1); }
};

/// Vectors · width floats of one pixel: out = Σ weight · in over rows and, within each, columns. Lanes that do not fill
/// a vector are read in one with what lies behind them, as patch::floats() allows, so that every pixel gets the same
/// arithmetic; `count` of them are written.
template <class Arch, int Vectors> void sum_lanes(float* out, int count, float const* in,
                                                  std::vector<weighted> const& rows, weighted const* column,
                                                  weighted const* end) {
  using v = vec<Arch>;
  constexpr int w = width_of<Arch>;
  v sum[Vectors];
  for (v& s : sum) s = v(0.f);
  for (weighted const& r : rows)
    for (weighted const* c = column; c != end; ++c) {
      float const* const from = in + r.from + c->from;
      v const weight(r.weight * c->weight);
      for (int k = 0; k < Vectors; ++k) sum[k] = multiply_add(weight, v::load_unaligned(from + k * w), sum[k]);
    }
  if (count == Vectors * w) {
    for (int k = 0; k < Vectors; ++k) sum[k].store_unaligned(out + k * w);
  } else {
    alignas(64) float some[Vectors * w];
    for (int k = 0; k < Vectors; ++k) sum[k].store_aligned(some + k * w);
    for (int i = 0; i < count; ++i) out[i] = some[i];
  }
}

/// The lanes of one pixel of one block.
template <class Arch> void sum_pixel(float* out, int lanes, float const* in, std::vector<weighted> const& rows,
                                     weighted const* column, weighted const* end) {
  constexpr int w = width_of<Arch>;
  if (lanes == layout::block) return sum_lanes<Arch, layout::block / w>(out, lanes, in, rows, column, end);
  for (int lane = 0; lane < lanes; lane += w)
    sum_lanes<Arch, 1>(out + lane, lanes - lane < w ? lanes - lane : w, in + lane, rows, column, end);
}

}  // namespace detail

/// y(p) = Σ weight · x(q): fills the patch y. A pixel that sums nothing is zero.
///
/// needs   x covers box_read(y.where, axes); it may be larger
/// cost    one multiply-add per term and channel; three short lists of terms per call
template <class Arch, class Axis> void sum_along_axes(patch const& x, patch const& y, Axis const (&axes)[3]) {
  std::ptrdiff_t const row = std::ptrdiff_t{x.where.size.width} * x.lanes;
  detail::axis_terms const planes{axes[0], y.where.origin.depth, y.where.size.depth, x.where.origin.depth,
                                  x.where.size.height * row};
  detail::axis_terms const rows{axes[1], y.where.origin.height, y.where.size.height, x.where.origin.height, row};
  detail::axis_terms const columns{axes[2], y.where.origin.width, y.where.size.width, x.where.origin.width, x.lanes};
  std::vector<detail::weighted> both;
  for (int z = 0; z < y.where.size.depth; ++z)
    for (int r = 0; r < y.where.size.height; ++r) {
      both.clear();
      for (auto const* p = planes.from(z); p != planes.to(z); ++p)
        for (auto const* q = rows.from(r); q != rows.to(r); ++q)
          both.push_back({p->from + q->from, p->weight * q->weight});
      for (int b = 0; b < y.blocks(); ++b) {
        int const lanes = x.lanes < y.lanes ? x.lanes : y.lanes;  // where they differ, few of them hold channels
        float const* const in = x.data + b * x.block_stride;
        float* out = y.at(b, z, r, 0);
        for (int i = 0; i < y.where.size.width; ++i, out += y.lanes)
          detail::sum_pixel<Arch>(out, lanes, in, both, columns.from(i), columns.to(i));
      }
    }
}

}  // namespace oxbow::on_host
