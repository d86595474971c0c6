// A patch of an image of few channels in shared memory, and its windows as rows of a matrix.
#pragma once
#include <cstdint>

#include <oxbow/cuda/tile/layout.cuh>
#include <oxbow/cuda/tile/octet.cuh>

namespace oxbow::on_cuda {

/// Windows of an image of few channels: taps and channels together are the reduction, entry c · taps + tap, so that the
/// tensor core multiplies no zeros but those that fill up the last 16. In memory the weights (out, in, window) have
/// that very order.
///
/// The image is fp32, channels last without padding, and is rounded to T on the way.
template <int Channels, int TapsY, int TapsX, int Height, int Width, class T> struct image_patch {
  static constexpr int taps = TapsY * TapsX, entries = Channels * taps;
  static constexpr int height = Height + TapsY - 1, width = Width + TapsX - 1, pixels = height * width;
  /// From row to row: for 32 + 2 pixels 20 words, so that 8 pixels of three neighbouring rows lie in different banks.
  static constexpr int pitch = (width + 7) / 8 * 8;

  T at[Channels][height][pitch];

  /// Fills the patch whose first pixel is (y0, x0) of the box; zero or mirrored beyond it.
  __device__ void load(source<float const> const& from, int y0, int x0, bool mirror, int threads) {
    for (int i = threadIdx.x; i < pixels * Channels; i += threads) {
      int const c = i % Channels, p = i / Channels, py = p / width, px = p - py * width;
      int y = y0 + py + from.shift_y, x = x0 + px + from.shift_x;
      if (mirror) {
        y = y < 0 ? -y : y >= from.height ? 2 * from.height - 2 - y : y;
        x = x < 0 ? -x : x >= from.width ? 2 * from.width - 2 - x : x;
      }
      bool const inside = static_cast<unsigned>(y) < static_cast<unsigned>(from.height) &&
                          static_cast<unsigned>(x) < static_cast<unsigned>(from.width);
      at[c][py][px] = rounded(inside ? *from.data.at(y, x, c) : 0.f);
    }
  }
  __device__ static T rounded(float v) {
    std::uint32_t const pair = pair_of<T>(v, 0.f);
    std::uint16_t const low = static_cast<std::uint16_t>(pair);
    return *reinterpret_cast<T const*>(&low);
  }

  /// Where an entry of the window of pixel (0, 0) lies; entries beyond the last are some place in the patch.
  __device__ static int offset(int entry) {
    int const e = entry < entries ? entry : 0, c = e / taps, tap = e - c * taps;
    return (c * height + tap / TapsX) * pitch + tap % TapsX;
  }
  __device__ std::uint32_t pair(int first, int second) const {
    auto const* const halves = reinterpret_cast<std::uint16_t const*>(at);
    return halves[first] | static_cast<std::uint32_t>(halves[second]) << 16;
  }
};

}  // namespace oxbow::on_cuda
