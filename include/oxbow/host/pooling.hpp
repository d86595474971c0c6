// Poolings of patches and their gradients. The stride of a pooling is its window.
#pragma once
#include <cstring>

#include <oxbow/host/axis_sums.hpp>
#include <oxbow/lower/plan.hpp>
#include <oxbow/ops/axes.hpp>

namespace oxbow::on_host {
namespace detail {

/// Four places of two bits each, by the byte that holds them.
inline constexpr auto places_of_byte = [] {
  struct {
    float of[256][4];
  } table{};
  for (int byte = 0; byte < 256; ++byte)
    for (int i = 0; i < 4; ++i) table.of[byte][i] = static_cast<float>(byte >> 2 * i & 3);
  return table;
}();

/// The places of the maxima of one pixel of one block, as they are stored: bits per lane, the little end first.
/// place: readable up to a whole block; lanes that are not there are zero
inline void pack_places(std::byte* out, float const* place, int lanes, int bits) {
  if (bits == 2) {
    for (int i = 0; i < lanes; i += 4)
      *out++ =
          static_cast<std::byte>(static_cast<int>(place[i] + 4 * place[i + 1] + 16 * place[i + 2] + 64 * place[i + 3]));
  } else if (bits == 4) {
    for (int i = 0; i < lanes; i += 2) *out++ = static_cast<std::byte>(static_cast<int>(place[i] + 16 * place[i + 1]));
  } else {
    for (int i = 0; i < lanes; ++i) out[i] = static_cast<std::byte>(static_cast<int>(place[i]));
  }
}
/// place: writable up to a whole block
inline void unpack_places(std::byte const* in, float* place, int lanes, int bits) {
  if (bits == 2) {
    for (int i = 0; i < lanes; i += 4)
      std::memcpy(place + i, places_of_byte.of[static_cast<int>(*in++)], 4 * sizeof(float));
  } else if (bits == 4) {
    for (int i = 0; i < lanes; i += 2) {
      int const both = static_cast<int>(*in++);
      place[i] = static_cast<float>(both & 15), place[i + 1] = static_cast<float>(both >> 4);
    }
  } else {
    for (int i = 0; i < lanes; ++i) place[i] = static_cast<float>(in[i]);
  }
}
/// Where the places of a block's pixel (z, y, x) are stored.
inline std::int64_t place_offset(operand const& o, int block, int z, int y, int x) {
  return o.offset +
         (block * o.size.volume() + o.size.index(z, y, x)) * layout::pixel_bytes(o.channels, bits_of(o.type));
}

/// The first maximum of what has been compared, and which tap it is, for each lane.
template <class Arch> struct running_maximum {
  vec<Arch> most, place = vec<Arch>(0.f);

  [[gnu::always_inline]] void compare(vec<Arch> const& x, int tap) {
    auto const more = x > most;
    most = xsimd::select(more, x, most);
    place = xsimd::select(more, vec<Arch>(static_cast<float>(tap)), place);
  }
};

/// The same over taps in memory. A NaN is never larger: of a window with one nothing is promised.
template <class Arch>
void max_pixel(float const* in, std::ptrdiff_t const* taps, int count, int lanes, float* most, float* place) {
  using v = vec<Arch>;
  int lane = 0;
  for (; lane + width_of<Arch> <= lanes; lane += width_of<Arch>) {
    running_maximum<Arch> best{v::load_unaligned(in + taps[0] + lane)};
    for (int t = 1; t < count; ++t) best.compare(v::load_unaligned(in + taps[t] + lane), t);
    best.most.store_unaligned(most + lane);
    best.place.store_unaligned(place + lane);
  }
  for (; lane < lanes; ++lane) {
    most[lane] = in[taps[0] + lane], place[lane] = 0;
    for (int t = 1; t < count; ++t)
      if (in[taps[t] + lane] > most[lane]) most[lane] = in[taps[t] + lane], place[lane] = static_cast<float>(t);
  }
}

/// out = d where place is tap, else zero.
template <class Arch> void pick(float* out, float const* d, float const* place, float tap, int lanes) {
  using v = vec<Arch>;
  int i = 0;
  for (; i + width_of<Arch> <= lanes; i += width_of<Arch>)
    xsimd::select(v::load_unaligned(place + i) == v(tap), v::load_unaligned(d + i), v(0.f)).store_unaligned(out + i);
  for (; i < lanes; ++i) out[i] = place[i] == tap ? d[i] : 0.f;
}

}  // namespace detail

/// y(q) = max_t x(q · window + t); of equal maxima the first in row-major order counts. Where `place` is given, the
/// number of that tap goes to the stored tensor, for the pixels of y that lie within it.
///
/// shapes  x covers y.where · window and begins there: x.where.origin = y.where.origin · window
///         place: the pooled size, elements of 2, 4 or 8 bits, packed within each pixel of a block
/// cost    reads x once
template <class Arch = native>
void max_pool(patch const& x, patch const& y, extent window, operand const* place, std::byte* arena) {
  std::vector<std::ptrdiff_t> const taps = tap_offsets{x, window}.floats;
  int const lanes = layout::lanes(y.channels), count = static_cast<int>(taps.size());
  extent const& n = y.where.size;
  for (int b = 0; b < y.blocks(); ++b)
    for (int z = 0; z < n.depth; ++z)
      for (int r = 0; r < n.height; ++r) {
        float const* in = x.at(b, z * window.depth, r * window.height, 0);
        float* out = y.at(b, z, r, 0);
        for (int i = 0; i < n.width; ++i, in += window.width * x.lanes, out += y.lanes) {
          alignas(64) float at[layout::block] = {};
          detail::max_pixel<Arch>(in, taps.data(), count, lanes, out, at);
          int const pz = y.where.origin.depth + z, py = y.where.origin.height + r, px = y.where.origin.width + i;
          if (place != nullptr && place->size.contains(pz, py, px))
            detail::pack_places(arena + detail::place_offset(*place, b, pz, py, px), at, lanes,
                                bits_of(place->type));
        }
      }
}

/// dx(q · window + t) = dy(q) where t is the place of the maximum, else 0; 0 beyond the last whole window.
///
/// shapes  dx: any box; dy covers the windows of the pooled image that touch it
/// cost    writes dx once; dy and the places are read once for each row of the window
template <class Arch = native>
void max_pool_grad(patch const& dy, operand const& place, std::byte const* arena, patch const& dx, extent window) {
  int const lanes = layout::lanes(dx.channels), bits = bits_of(place.type);
  box const& at = dx.where;
  for (int b = 0; b < dx.blocks(); ++b)
    for (int z = 0; z < at.size.depth; ++z)
      for (int y = 0; y < at.size.height; ++y) {
        int const pz = at.origin.depth + z, py = at.origin.height + y;
        int const qz = pz / window.depth, qy = py / window.height;
        int const row = (pz % window.depth * window.height + py % window.height) * window.width;
        float* out = dx.at(b, z, y, 0);
        int x = 0;
        while (x < at.size.width) {
          int const px = at.origin.width + x, qx = px / window.width;
          if (pz < 0 || py < 0 || px < 0 || !place.size.contains(qz, qy, qx)) {
            for (int i = 0; i < lanes; ++i) out[i] = 0;
            out += dx.lanes, ++x;
            continue;
          }
          alignas(64) float held[layout::block];
          detail::unpack_places(arena + detail::place_offset(place, b, qz, qy, qx), held, lanes, bits);
          float const* const d =
              dy.at(b, qz - dy.where.origin.depth, qy - dy.where.origin.height, qx - dy.where.origin.width);
          for (int t = px % window.width; t < window.width && x < at.size.width; ++t, ++x, out += dx.lanes)
            detail::pick<Arch>(out, d, held, static_cast<float>(row + t), lanes);
        }
      }
}

/// y(q) = the mean of x(q · window + t) over t.
///
/// shapes  x covers y.where · window
template <class Arch = native> void avg_pool(patch const& x, patch const& y, extent window) {
  ops::mean_axis const axes[3]{{window.depth}, {window.height}, {window.width}};
  sum_along_axes<Arch>(x, y, axes);
}

/// dx(q · window + t) = dy(q) / window.volume(), and 0 where dy has no pixel q.
///
/// shapes  dx: any box; dy covers the windows of the pooled image that touch it
template <class Arch = native> void avg_pool_grad(patch const& dy, patch const& dx, extent window) {
  ops::mean_grad_axis axes[3];
  for (int a = 0; a < 3; ++a) axes[a] = {window[a], dy.where.origin[a], dy.where.end(a)};
  sum_along_axes<Arch>(dy, dx, axes);
}

}  // namespace oxbow::on_host
