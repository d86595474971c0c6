// The pixels of a tile and a border of one around them, 32 channels at a time, from one or two tensors.
#pragma once
#include <oxbow/core/layout.hpp>
#include <oxbow/cuda/arch/copy_async.cuh>
#include <oxbow/cuda/tile/layout.cuh>
#include <oxbow/cuda/tune/conv_tile.hpp>

namespace oxbow::on_cuda {

/// In shared memory a chunk lies in planes of one octet per pixel: (4, height + 2, width + 2, 8). Any eight
/// neighbouring pixels of a plane are 128 consecutive bytes, so that no copy and no ldmatrix has a bank conflict, and a
/// tap is a constant added to an address.
template <conv_shape Shape, conv_tile Tile, class T> struct halo {
  // Copies of what constexpr functions say: device code may read values but not call those.
  static constexpr int chunk = conv_shape::chunk, threads = Tile.threads();
  static constexpr int tile_height = Tile.height(), tile_width = Tile.width();
  static constexpr int height = tile_height + 2, width = tile_width + 2, pixels = height * width;
  static constexpr int in_height = Shape.in_height(), in_width = Shape.in_width();
  static constexpr int first_chunks = Shape.first_chunks(), chunks = Shape.chunks();
  static constexpr int first_padded = layout_of_octets::padded(Shape.first),
                       second_padded = layout_of_octets::padded(Shape.second);
  static constexpr int pitch = 16, plane = pixels * pitch, bytes = chunk / 8 * plane;
  static constexpr bool ragged = Shape.first % chunk != 0 || Shape.second % chunk != 0;

  /// A chunk is copied in rounds of one octet per thread, and the rounds in `slices`, one per stage of weights, so
  /// early that all are there when the chunk begins.
  static constexpr int items = tune::ceil_div(pixels, 8) * 32, rounds = tune::ceil_div(items, threads);
  static constexpr int slices = 5 - Tile.stages, slice_rounds = tune::ceil_div(rounds, slices);

  /// Rounds [from, to) of chunk q of the tile whose first output pixel is (y0, x0), where `wanted`.
  __device__ static void load(std::uint32_t to_shared, source<T const> const& first, source<T const> const& second,
                              int y0, int x0, int q, int from, int to, bool wanted) {
    bool const in_first = Shape.second == 0 || q < first_chunks;
    int const pixel = in_first ? first.data.pixel : second.data.pixel;
    int const row = in_first ? first.data.row : second.data.row;
    int const piece = static_cast<int>(threadIdx.x) / 8 % 4;
    int const channel = (in_first ? q : q - first_chunks) * chunk + piece * 8;
    T const* data = in_first ? first.data.data : second.data.data;
    bool const real = !ragged || channel < (in_first ? first_padded : second_padded);
    if (!ragged || real) data += channel * 2 / static_cast<int>(sizeof(T));
    to_shared += static_cast<unsigned>(piece * plane);
    y0 -= Shape.pad, x0 -= Shape.pad;
    if constexpr (Shape.edge != beyond::never)
      y0 += in_first ? first.shift_y : second.shift_y, x0 += in_first ? first.shift_x : second.shift_x;
    int const box_height = in_first ? first.height : second.height, box_width = in_first ? first.width : second.width;
#pragma unroll
    for (int round = from; round < to; ++round) {
      int const p = round * (threads / 4) + static_cast<int>(threadIdx.x) / 32 * 8 + static_cast<int>(threadIdx.x) % 8;
      int const hy = p / width, hx = p - hy * width;
      int y = y0 + hy, x = x0 + hx;
      bool inside = real;
      if constexpr (Shape.edge == beyond::never) {  // pixels of no output: any will do
        if constexpr (Shape.height % tile_height != 0) y = min(y, in_height - 1);
        if constexpr (Shape.width % tile_width != 0) x = min(x, in_width - 1);
      } else {
        if constexpr (Shape.edge == beyond::mirror) {
          y = y < 0 ? -y : y >= box_height ? 2 * box_height - 2 - y : y;
          x = x < 0 ? -x : x >= box_width ? 2 * box_width - 2 - x : x;
        }
        bool const within =
            static_cast<unsigned>(y) < static_cast<unsigned>(box_height) &&
            static_cast<unsigned>(x) < static_cast<unsigned>(box_width);
        if (!within) y = x = 0;
        inside = inside && within;
      }
      T const* const at = data + (static_cast<unsigned>(y) * static_cast<unsigned>(row) +
                                  static_cast<unsigned>(x) * static_cast<unsigned>(pixel));
      std::uint32_t const there = to_shared + static_cast<unsigned>(p * pitch);
      bool const now = wanted && p < pixels;
      if constexpr (Shape.edge == beyond::never && !ragged) ptx::copy_async_if(now, there, at);
      else ptx::copy_async_if(now, there, at, inside);
    }
  }
  __device__ static void load_slice(std::uint32_t to_shared, source<T const> const& first,
                                    source<T const> const& second, int y0, int x0, int q, int slice, bool wanted) {
#pragma unroll
    for (int r = 0; r < slice_rounds; ++r) {
      int const round = slice * slice_rounds + r;
      load(to_shared, first, second, y0, x0, q, round, round + 1, wanted && slice < slices && round < rounds);
    }
  }
};

}  // namespace oxbow::on_cuda
