// Between the arena and a patch: the one place where joins, crops, borders and mirrors are resolved.
#pragma once
#include <cstring>

#include <oxbow/core/mirror.hpp>
#include <oxbow/host/patch.hpp>
#include <oxbow/host/simd.hpp>
#include <oxbow/lower/plan.hpp>

namespace oxbow::on_host {
namespace detail {

/// Some channels of one operand that go to some lanes of one block of a patch; neither crosses a block.
struct run {
  operand const* from;
  int from_block, from_lane, to_block, to_lane, count;
};

/// Copies one row of pixels: x in [0, width) of the patch shows x + shift of the row, if low ≤ that < high.
inline void gather_row(float* to, int to_lanes, float const* row, int from_lanes, int count, int width, int first,
                       operand const& o) {
  if (o.mirrored) {
    for (int x = 0; x < width; ++x) {
      int const at = o.low.width + mirrored(first + x - o.low.width, o.high.width - o.low.width);
      std::memcpy(to + x * to_lanes, row + at * from_lanes, sizeof(float) * static_cast<std::size_t>(count));
    }
    return;
  }
  int begin = o.low.width - first, end = o.high.width - first;
  begin = begin < 0 ? 0 : begin > width ? width : begin;
  end = end > width ? width : end < begin ? begin : end;
  row += std::ptrdiff_t{first} * from_lanes;
  if (count == to_lanes && count == from_lanes) {
    std::memset(to, 0, sizeof(float) * static_cast<std::size_t>(begin * to_lanes));
    std::memcpy(to + begin * to_lanes, row + std::ptrdiff_t{begin} * from_lanes,
                sizeof(float) * static_cast<std::size_t>((end - begin) * to_lanes));
    std::memset(to + end * to_lanes, 0, sizeof(float) * static_cast<std::size_t>((width - end) * to_lanes));
    return;
  }
  for (int x = 0; x < width; ++x)
    for (int c = 0; c < count; ++c)
      to[x * to_lanes + c] = x >= begin && x < end ? row[std::ptrdiff_t{x} * from_lanes + c] : 0.f;
}

inline void gather_run(patch const& to, run const& r, std::byte const* arena) {
  operand const& o = *r.from;
  int const from_lanes = layout::lanes(o.channels);
  extent const n = to.where.size;
  auto const seen = [&](int at, int low, int high) {  // the stored row for a coordinate, or −1
    if (at >= low && at < high) return at;
    return o.mirrored ? low + mirrored(at - low, high - low) : -1;
  };
  for (int z = 0; z < n.depth; ++z)
    for (int y = 0; y < n.height; ++y) {
      float* const out = to.at(r.to_block, z, y, 0) + r.to_lane;
      int const sz = seen(to.where.origin.depth + z + o.shift.depth, o.low.depth, o.high.depth);
      int const sy = seen(to.where.origin.height + y + o.shift.height, o.low.height, o.high.height);
      if (sz < 0 || sy < 0) {
        for (int x = 0; x < n.width; ++x)
          std::memset(out + x * to.lanes, 0, sizeof(float) * static_cast<std::size_t>(r.count));
        continue;
      }
      std::int64_t const pixel = (std::int64_t{r.from_block} * o.size.depth + sz) * o.size.height + sy;
      auto const* row =
          reinterpret_cast<float const*>(arena + o.offset) + pixel * o.size.width * from_lanes + r.from_lane;
      gather_row(out, to.lanes, row, from_lanes, r.count, n.width, to.where.origin.width + o.shift.width, o);
    }
}

/// Calls f(run) for each run that a patch of the channels [first, first + to.channels) of joined operands is made of.
template <class F> void for_each_run(patch const& to, operand const* operands, int count, int first, F&& f) {
  int begin = 0;  // of the operand, among the joined channels
  for (int i = 0; i < count; begin += operands[i].count, ++i) {
    operand const& o = operands[i];
    int c = first > begin ? first : begin;
    int const end = first + to.channels < begin + o.count ? first + to.channels : begin + o.count;
    while (c < end) {
      int const there = o.first_channel + c - begin, here = c - first;
      int n = layout::block - there % layout::block;
      if (layout::block - here % layout::block < n) n = layout::block - here % layout::block;
      if (end - c < n) n = end - c;
      f(run{&o, there / layout::block, there % layout::block, here / layout::block, here % layout::block, n});
      c += n;
    }
  }
}

}  // namespace detail

/// Fills a patch with what `count` operands show, joined along the channels, from joined channel `first` on.
/// Pixels that no tensor has are zero or mirrored, as the operand says.
inline void gather(patch const& to, operand const* operands, int count, std::byte const* arena, int first = 0) {
  detail::for_each_run(to, operands, count, first, [&](detail::run const& r) { detail::gather_run(to, r, arena); });
}

/// Is a tensor of whole lines of a cache so large that nobody finds it in a cache later?
inline bool is_streamed(operand const& o) {
  return layout::lanes(o.channels) == layout::block && o.offset % 64 == 0 &&
         o.size.volume() * layout::blocks(o.channels) * layout::block * std::int64_t{sizeof(float)} > streamed_bytes;
}

/// Writes the pixels of a patch that lie within the tensor.
inline void store(patch const& from, operand const& o, std::byte* arena) {
  box const common = intersection(from.where, {{0, 0, 0}, o.size});
  if (common.empty()) return;
  int const lanes = layout::lanes(o.channels);
  auto* const base = reinterpret_cast<float*>(arena + o.offset);
  bool const large = from.lanes == lanes && is_streamed(o);
  for (int b = 0; b < from.blocks(); ++b)
    for (int z = common.origin.depth; z < common.end(0); ++z)
      for (int y = common.origin.height; y < common.end(1); ++y) {
        float const* in = from.at(b, z - from.where.origin.depth, y - from.where.origin.height,
                                  common.origin.width - from.where.origin.width);
        float* out = base + (b * o.size.volume() + o.size.index(z, y, common.origin.width)) * lanes;
        if (large) {
          for (int i = 0; i < common.size.width * lanes; i += width_of<native>)
            stream<native>(out + i, vec<native>::load_unaligned(in + i));
        } else if (lanes == from.lanes) {
          std::memcpy(out, in, sizeof(float) * static_cast<std::size_t>(common.size.width * lanes));
        } else {
          for (int x = 0; x < common.size.width; ++x, in += from.lanes, out += lanes)
            std::memcpy(out, in, sizeof(float) * static_cast<std::size_t>(from.channels_in(b)));
        }
      }
  if (large) stream_fence();
}

}  // namespace oxbow::on_host
