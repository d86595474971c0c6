// 16 channels of a box as they lie in memory: in the arena where they can be read there, else gathered.
#pragma once
#include <oxbow/host/gather.hpp>

namespace oxbow::on_host {

/// The first pixel of a box; pixels are 16 floats apart, rows `row` floats.
struct block_view {
  float const* data = nullptr;
  std::ptrdiff_t row = 0;
};

/// Block `block` of the joined operands over a box of one image: in place, or nothing where the box leaves what is
/// stored or the channels lie in another grouping.
inline block_view stored_block(operand const* operands, int count, int channels, int block, box const& where,
                               std::byte const* arena) {
  int const first = block * layout::block, wanted = channels - first < layout::block ? channels - first : layout::block;
  for (int i = 0, begin = 0; i < count; begin += operands[i].count, ++i) {
    operand const& o = operands[i];
    if (first >= begin + o.count) continue;
    int const there = o.first_channel + first - begin;
    bool in_place = first >= begin && first + wanted <= begin + o.count && there % layout::block == 0 &&
                    o.channels >= layout::block;
    for (int a = 0; a < 3; ++a)
      in_place = in_place && where.origin[a] + o.shift[a] >= o.low[a] && where.end(a) + o.shift[a] <= o.high[a];
    if (!in_place) return {};
    std::int64_t const pixel = o.size.index(where.origin.depth + o.shift.depth, where.origin.height + o.shift.height,
                                            where.origin.width + o.shift.width);
    return {reinterpret_cast<float const*>(arena + o.offset) +
                (there / layout::block * o.size.volume() + pixel) * layout::block,
            std::ptrdiff_t{o.size.width} * layout::block};
  }
  return {};
}

/// Floats of memory that block_of() may need.
inline std::int64_t block_view_floats(box const& where) { return where.size.volume() * layout::block; }

/// The same, gathered into `memory` where it must be; what no tensor has is zero or mirrored, as the operands say.
inline block_view block_of(operand const* operands, int count, int channels, int block, box const& where,
                           std::byte const* arena, float* memory) {
  block_view const stored = stored_block(operands, count, channels, block, where, arena);
  if (stored.data != nullptr) return stored;
  int const left = channels - block * layout::block;
  patch p = patch::over(memory, where, left < layout::block ? left : layout::block);
  p.lanes = layout::block;
  gather(p, operands, count, arena, block * layout::block);
  return {memory, std::ptrdiff_t{where.size.width} * layout::block};
}

}  // namespace oxbow::on_host
