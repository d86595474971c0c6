// Tensors in the arena as kernels see them: elements of any type, through the views that a plan put before them.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstddef>
#include <cstdint>

#include <oxbow/core/extent.hpp>
#include <oxbow/core/layout.hpp>
#include <oxbow/core/mirror.hpp>
#include <oxbow/cuda/tile/layout.cuh>
#include <oxbow/cuda/tile/octet.cuh>

namespace oxbow::on_cuda {

/// How a number is stored in the arena; kernels compute in float.
enum class number : unsigned char { f32, f16, bf16, tf32 };

/// One stored tensor and how it is seen: pixel p of what is read lies at p + shift. Outside the box [low, high) the
/// value is zero, or mirrored at the box's edge pixels. Scalars only, so that a table of them is copied as it is.
struct stored {
  std::int64_t offset = 0;  ///< bytes, in the arena; of a gradient, elements in the gradient arena
  extent size{};
  int channels = 0;
  int first_channel = 0, count = 0;  ///< the channels that are seen
  extent shift{0, 0, 0}, low{0, 0, 0}, high{};
  int mirrored = 0;
  number type = number::f32;
  unsigned char bits = 32;  ///< of an element: 2, 4 or 8 where it is no number but the place of a maximum
  unsigned char octets = 0; ///< layout_of_octets; else layout
  unsigned char unused = 0;

  /// Elements before channel c of pixel (z, y, x), in the layout of the arena.
  __device__ std::int64_t index(int c, int z, int y, int x) const {
    if (octets) return size.index(z, y, x) * layout_of_octets::padded(channels) + c;
    int const lanes = layout::lanes(channels);
    return ((c / layout::block) * size.volume() + size.index(z, y, x)) * lanes + c % layout::block;
  }
  /// The same for places of maxima in octets.
  __device__ std::int64_t place_index(int c, int z, int y, int x) const {
    int const padded = layout_of_octets::padded(channels);
    return size.index(z, y, 0) * padded + place_in_row(padded, size.width, x, c);
  }
  /// The channels that there is memory for.
  __device__ int memory_channels() const {
    return octets ? layout_of_octets::padded(channels) : channels;
  }
};

/// Element i of numbers of a type, as a float.
inline __device__ float load_number(std::byte const* from, number type, std::int64_t i) {
  if (type == number::f32 || type == number::tf32) return reinterpret_cast<float const*>(from)[i];
  if (type == number::f16) return __half2float(reinterpret_cast<__half const*>(from)[i]);
  return __bfloat162float(reinterpret_cast<__nv_bfloat16 const*>(from)[i]);
}
/// Rounds to nearest even; what is too large for f16 becomes infinite, which the loss scale looks for.
inline __device__ void save_number(std::byte* to, number type, std::int64_t i, float x) {
  if (type == number::f32) reinterpret_cast<float*>(to)[i] = x;
  else if (type == number::tf32) reinterpret_cast<std::uint32_t*>(to)[i] = tf32_of(x);
  else if (type == number::f16) reinterpret_cast<__half*>(to)[i] = __float2half_rn(x);
  else reinterpret_cast<__nv_bfloat16*>(to)[i] = __float2bfloat16_rn(x);
}

namespace detail {

/// The stored coordinate for a coordinate of the box, or −1 where there is nothing.
inline __device__ int seen(int at, int low, int high, int mirrors) {
  if (at >= low && at < high) return at;
  return mirrors ? low + oxbow::mirrored(at - low, high - low) : -1;
}

}  // namespace detail

/// Channel c of what is seen at (z, y, x); zero where there is nothing.
inline __device__ float read(stored const& s, std::byte const* arena, int c, int z, int y, int x) {
  int const sz = detail::seen(z + s.shift.depth, s.low.depth, s.high.depth, s.mirrored),
            sy = detail::seen(y + s.shift.height, s.low.height, s.high.height, s.mirrored),
            sx = detail::seen(x + s.shift.width, s.low.width, s.high.width, s.mirrored);
  if (sz < 0 || sy < 0 || sx < 0) return 0;
  return load_number(arena + s.offset, s.type, s.index(s.first_channel + c, sz, sy, sx));
}

/// Stored tensors, one after the other along the channels.
struct joined {
  stored const* parts = nullptr;
  int count = 0;

  __device__ float operator()(std::byte const* arena, int c, int z, int y, int x) const {
    int i = 0;
    while (i + 1 < count && c >= parts[i].count) c -= parts[i++].count;
    return read(parts[i], arena, c, z, y, x);
  }
};

/// The place of a maximum: elements of 2, 4 or 8 bits, packed within each pixel of a block or of up to 32 channels, the
/// little end first.
inline __device__ std::int64_t place_byte(stored const& s, int c, int z, int y, int x) {
  if (s.octets) return s.offset + s.place_index(c, z, y, x) * s.bits / 8;
  return s.offset +
         (c / layout::block * s.size.volume() + s.size.index(z, y, x)) * layout::pixel_bytes(s.channels, s.bits) +
         c % layout::block * s.bits / 8;
}
inline __device__ int read_place(stored const& s, std::byte const* arena, int c, int z, int y, int x) {
  int const byte = static_cast<int>(arena[place_byte(s, c, z, y, x)]);
  return byte >> c % layout::block * s.bits % 8 & ((1 << s.bits) - 1);
}

}  // namespace oxbow::on_cuda
