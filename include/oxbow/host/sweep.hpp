// Loops over the floats of patches, a vector at a time.
#pragma once
#include <cstring>

#include <oxbow/host/box_view.hpp>
#include <oxbow/host/patch.hpp>
#include <oxbow/host/simd.hpp>

namespace oxbow::on_host {

/// Numbers that belong to the lanes of a block, repeated so that the i-th vector of the block's floats meets vector
/// i % lanes, its phase: lanes vectors hold as many pixels as a vector has floats.
template <class Arch> class lane_pattern {
 public:
  /// of_lane: `lanes` numbers.
  lane_pattern(float const* of_lane, int lanes) {
    for (int i = 0, lane = 0; i < lanes * width_of<Arch>; ++i, lane = lane + 1 == lanes ? 0 : lane + 1)
      at_[i] = of_lane[lane];
  }
  vec<Arch> operator[](int phase) const { return vec<Arch>::load_unaligned(at_ + phase * width_of<Arch>); }

 private:
  alignas(64) float at_[layout::block * width_of<Arch>];
};

namespace detail {

/// The first `count` floats at p, and zeros.
template <class Arch> vec<Arch> load_part(float const* p, std::int64_t count) {
  float part[width_of<Arch>] = {};
  std::memcpy(part, p, sizeof(float) * static_cast<std::size_t>(count));
  return vec<Arch>::load_unaligned(part);
}

/// x[i] = f(phase, x[i], others[i]…). The floats that do not fill a vector go through f in one as well: what f makes
/// of a pixel does not depend on where in its patch the pixel lies, and so not on the tiles of a step.
template <class Arch, class F, class... Others>
void sweep_floats(float* x, std::int64_t n, int lanes, F const& f, Others const*... others) {
  constexpr int w = width_of<Arch>;
  using v = vec<Arch>;
  std::int64_t i = 0;
  for (; i + lanes * w <= n;)
    for (int phase = 0; phase < lanes; ++phase, i += w)
      f(phase, v::load_unaligned(x + i), v::load_unaligned(others + i)...).store_unaligned(x + i);
  for (int phase = 0; i < n; ++phase, i += w) {
    if (i + w <= n) {
      f(phase, v::load_unaligned(x + i), v::load_unaligned(others + i)...).store_unaligned(x + i);
    } else {
      float part[w];
      f(phase, load_part<Arch>(x + i, n - i), load_part<Arch>(others + i, n - i)...).store_unaligned(part);
      std::memcpy(x + i, part, sizeof(float) * static_cast<std::size_t>(n - i));
    }
  }
}

}  // namespace detail

/// x = f(phase, x) for every vector of one block.
template <class Arch, class F> void sweep_block(patch const& x, int block, F const& f) {
  detail::sweep_floats<Arch>(x.data + block * x.block_stride, x.block_floats(), x.lanes, f);
}

/// x = f(phase, x, other) for every vector of one block. Both cover the same box and the same channels.
template <class Arch, class F> void sweep_block(patch const& x, box_view const& other, int block, F const& f) {
  if (other.copied() == nullptr) {
    // Rows of whole pixels of 16 are whole vectors, in phase 0 as a patch's.
    other.for_each_row(block, [&](int z, int y, float const* row) {
      detail::sweep_floats<Arch>(x.at(block, z, y, 0), std::int64_t{x.where.size.width} * x.lanes, x.lanes, f, row);
    });
    return;
  }
  patch const& p = *other.copied();
  float* const to = x.data + block * x.block_stride;
  float const* const from = p.data + block * p.block_stride;
  if (x.lanes == p.lanes) return detail::sweep_floats<Arch>(to, x.block_floats(), x.lanes, f, from);
  constexpr int most = 64;
  float packed[most * layout::block] = {};
  int const channels = x.channels_in(block);
  for (std::int64_t i = 0, pixels = x.where.size.volume(); i < pixels; i += most) {
    std::int64_t const n = pixels - i < most ? pixels - i : most;
    for (std::int64_t k = 0; k < n; ++k)
      std::memcpy(packed + k * x.lanes, from + (i + k) * p.lanes, sizeof(float) * static_cast<std::size_t>(channels));
    detail::sweep_floats<Arch>(to + i * x.lanes, n * x.lanes, x.lanes, f, static_cast<float const*>(packed));
  }
}

/// The same for every block.
template <class Arch, class F> void sweep(patch const& x, F const& f) {
  for (int b = 0; b < x.blocks(); ++b) sweep_block<Arch>(x, b, f);
}
template <class Arch, class F> void sweep(patch const& x, box_view const& other, F const& f) {
  for (int b = 0; b < x.blocks(); ++b) sweep_block<Arch>(x, other, b, f);
}

}  // namespace oxbow::on_host
