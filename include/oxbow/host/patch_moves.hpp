// Moves and zeros of whole patches.
#pragma once
#include <cstring>

#include <oxbow/host/patch.hpp>

namespace oxbow::on_host {

inline void zero(patch const& p) {
  for (int b = 0; b < p.blocks(); ++b)
    std::memset(p.data + b * p.block_stride, 0, sizeof(float) * static_cast<std::size_t>(p.block_floats()));
}

/// Zeros where a patch hangs over an image of this size.
inline void zero_beyond(patch const& p, extent size) {
  if (intersection(p.where, {{0, 0, 0}, size}) == p.where) return;
  for (int b = 0; b < p.blocks(); ++b)
    for (int z = 0; z < p.where.size.depth; ++z)
      for (int y = 0; y < p.where.size.height; ++y)
        for (int x = 0; x < p.where.size.width; ++x)
          if (!size.contains(p.where.origin.depth + z, p.where.origin.height + y, p.where.origin.width + x))
            std::memset(p.at(b, z, y, x), 0, sizeof(float) * static_cast<std::size_t>(p.lanes));
}

/// Both cover the same box and the same channels.
inline void copy(patch const& from, patch const& to) {
  for (int b = 0; b < from.blocks(); ++b)
    for (std::int64_t p = 0; p < from.where.size.volume(); ++p)
      for (int c = 0; c < from.channels_in(b); ++c)
        to.data[b * to.block_stride + p * to.lanes + c] = from.data[b * from.block_stride + p * from.lanes + c];
}

/// The same for some channels of `from`, from any one on.
inline void copy_channels(patch const& from, int first, patch const& to) {
  for (int c = 0; c < to.channels; ++c) {
    float const* const in = from.data + (first + c) / layout::block * from.block_stride + (first + c) % layout::block;
    float* const out = to.data + c / layout::block * to.block_stride + c % layout::block;
    for (std::int64_t p = 0; p < from.where.size.volume(); ++p) out[p * to.lanes] = in[p * from.lanes];
  }
}

/// Pixel q of `dense` becomes pixel q · apart of x; those between are zero.
inline void spread(patch const& dense, patch const& x, extent apart) {
  zero(x);
  box const &small = dense.where, &where = x.where;
  for (int b = 0; b < x.blocks(); ++b)
    for (int z = 0; z < small.size.depth; ++z)
      for (int y = 0; y < small.size.height; ++y)
        for (int w = 0; w < small.size.width; ++w)
          std::memcpy(x.at(b, (small.origin.depth + z) * apart.depth - where.origin.depth,
                           (small.origin.height + y) * apart.height - where.origin.height,
                           (small.origin.width + w) * apart.width - where.origin.width),
                      dense.at(b, z, y, w), sizeof(float) * static_cast<std::size_t>(x.channels_in(b)));
}

}  // namespace oxbow::on_host
