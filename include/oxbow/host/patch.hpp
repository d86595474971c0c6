// A part of a tensor in a thread's own memory: what a step works on.
#pragma once
#include <cstddef>
#include <vector>

#include <oxbow/core/box.hpp>
#include <oxbow/core/layout.hpp>

namespace oxbow::on_host {

/// A box of a tensor, in the tensor's own order: block, z, y, x, lane. It does not own its memory. The
/// lanes of the last block beyond the channels hold nothing that anybody may read.
struct patch {
  float* data = nullptr;
  box where{};  ///< pixels, in the coordinates of the value
  int channels = 0;
  int lanes = 0;                    ///< floats from one pixel to the next
  std::ptrdiff_t block_stride = 0;  ///< floats from one block to the next

  static patch over(float* data, box where, int channels) {
    int const lanes = layout::lanes(channels);
    return {data, where, channels, lanes, static_cast<std::ptrdiff_t>(where.size.volume() * lanes)};
  }
  /// Floats of memory that over() needs, rounded up so that vectors may overhang.
  static std::int64_t floats(extent size, int channels) {
    return layout::blocks(channels) * size.volume() * layout::lanes(channels) + 2 * layout::block;
  }
  int blocks() const { return (channels + layout::block - 1) / layout::block; }
  int channels_in(int block) const {
    int const left = channels - block * layout::block;
    return left < layout::block ? left : layout::block;
  }
  /// Floats of a block: pixels × lanes.
  std::int64_t block_floats() const { return where.size.volume() * lanes; }
  /// The pixel at local (z, y, x), counted from the box's origin.
  float* at(int block, int z, int y, int x) const {
    return data + block * block_stride + where.size.index(z, y, x) * lanes;
  }

  /// Some of its channels, from a whole block on.
  patch slice(int first_channel, int count) const {
    patch p = *this;
    p.data += first_channel / layout::block * block_stride;
    p.channels = count;
    return p;
  }
};

/// The taps of a window, in row-major order, as distances within a patch.
struct tap_offsets {
  int count = 0;
  std::vector<std::ptrdiff_t> floats;

  tap_offsets(patch const& x, extent window, extent dilation = {1, 1, 1}) {
    for (int z = 0; z < window.depth; ++z)
      for (int y = 0; y < window.height; ++y)
        for (int i = 0; i < window.width; ++i)
          floats.push_back(x.where.size.index(z * dilation.depth, y * dilation.height, i * dilation.width) * x.lanes);
    count = static_cast<int>(floats.size());
  }
};

}  // namespace oxbow::on_host
