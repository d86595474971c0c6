// How a tensor lies in memory.
#pragma once
#include <cstdint>

#include <oxbow/core/extent.hpp>
#include <oxbow/core/portable.hpp>

namespace oxbow {

/// Channels come in blocks of 16, one cache line of floats: block, z, y, x, lane. Neighbouring pixels
/// of a block are neighbours in memory, whatever the number of channels, and the layout does not
/// depend on the instruction set. A tensor of fewer than 16 channels is one block that is just as
/// wide, which is plain channels-last: an image of one channel costs one float a pixel.
struct layout {
  static constexpr int block = 16;

  static constexpr OXBOW_DEVICE int lanes(int channels) { return channels < block ? channels : block; }
  static constexpr OXBOW_DEVICE int blocks(int channels) { return (channels + block - 1) / block; }

  /// Bytes of one pixel of one block; elements of less than a byte are packed within it.
  static constexpr OXBOW_DEVICE std::int64_t pixel_bytes(int channels, int bits) {
    return (std::int64_t{lanes(channels)} * bits + 7) / 8;
  }

  static constexpr OXBOW_DEVICE std::int64_t bytes(extent size, int channels, int bits) {
    return blocks(channels) * size.volume() * pixel_bytes(channels, bits);
  }
};

/// Numbers for matrix units, and the places of their maxima, lie otherwise: channels last, the channels rounded up to
/// eight, so that neighbours are aligned pieces of 16 bytes, the unit in which tensor cores are fed. What rounding up
/// adds is finite.
struct layout_of_octets {
  static constexpr OXBOW_DEVICE int padded(int channels) { return (channels + 7) / 8 * 8; }
  static constexpr OXBOW_DEVICE std::int64_t bytes(extent size, int channels, int bits) {
    return size.volume() * padded(channels) * bits / 8;
  }
};

}  // namespace oxbow
