// How a tensor of 16-bit elements lies on the device, and how parts of one are seen.
#pragma once
#include <concepts>
#include <cstdint>

namespace oxbow::on_cuda {

// The layout is layout_of_octets: channels last, rounded up to a multiple of 8, so that eight neighbouring channels of
// a pixel (an octet) are 16 aligned bytes: the unit of every copy, load and store. An octet is also what a row of
// ldmatrix holds, so shared memory keeps planes of one octet per pixel (see halo.cuh) and global memory needs no other
// order. The channels that rounding up adds hold finite numbers of any value: packed weights have zeros there.

/// A tensor on the device, or a part of one: a crop is a pointer further on, a side of a join a first channel. Scalars
/// only, because views are arguments of kernels. Strides are in elements; the first element is 16-byte aligned.
template <class T> struct view {
  T* data;
  int pixel;               ///< from one pixel to the next in a row
  int row;                 ///< from one row to the next
  std::int64_t slice = 0;  ///< from one z to the next; below 2^31 elements within a slice

  __host__ __device__ T* at(int y, int x, int channel = 0) const {
    return data + (static_cast<unsigned>(y) * static_cast<unsigned>(row) +
                   static_cast<unsigned>(x) * static_cast<unsigned>(pixel) + static_cast<unsigned>(channel));
  }
  template <class U>
    requires std::same_as<U, T const>
  __host__ __device__ operator view<U>() const {
    return {data, pixel, row, slice};
  }
};

/// Where the place of a maximum lies in its row, in elements: 32 channels of all pixels, then the next 32, so that a
/// warp, which has as many of neighbouring pixels, writes whole sectors. padded: the tensor's channels
__device__ inline int place_in_row(int padded, int width, int x, int c) {
  int const group = c / 32 * 32;
  return group * width + x * min(32, padded - group) + c % 32;
}

/// What a kernel reads around a pixel: pixel (y, x) lies at (y + shift_y, x + shift_x) of a box of height × width
/// pixels, whose first one is data.at(0, 0). What is outside the box is zero or mirrored, as the kernel is told.
template <class T> struct source {
  view<T const> data;
  int height, width;
  int shift_y = 0, shift_x = 0;
};

}  // namespace oxbow::on_cuda
