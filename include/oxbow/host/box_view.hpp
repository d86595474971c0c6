// The pixels of a box to read: in the arena, where they can be read there, else in a patch.
#pragma once
#include <oxbow/host/block_view.hpp>

namespace oxbow::on_host {

/// A patch, or what joined operands show over its box where every block of channels lies in a tensor as a block of its
/// own: a copy would only be read once.
class box_view {
 public:
  box_view(patch const& p) : patch_{p} {}  // not explicit: a patch is such a view
  box_view(operand const* operands, int count, int channels, box where, std::byte const* arena)
      : patch_{patch::over(nullptr, where, channels)}, operands_{operands}, count_{count}, arena_{arena} {}

  /// Can the second constructor be used?
  static bool stored(operand const* operands, int count, int channels, box where) {
    if (channels < layout::block) return false;  // a patch's pixels are closer together then
    for (int b = 0; b < layout::blocks(channels); ++b) {
      stored_block const s = stored_block::find(operands, count, channels, b);
      if (s.tensor == nullptr || !s.holds(where)) return false;
    }
    return true;
  }

  /// The patch, if it is one.
  patch const* copied() const { return operands_ == nullptr ? &patch_ : nullptr; }

  /// Otherwise: f(z, y, the first pixel of the row) for each row of a block, pixels 16 floats apart.
  template <class F> void for_each_row(int block, F const& f) const {
    stored_block const s = stored_block::find(operands_, count_, patch_.channels, block);
    box const& where = patch_.where;
    for (int z = 0; z < where.size.depth; ++z)
      for (int y = 0; y < where.size.height; ++y)
        f(z, y, s.at(arena_, where.origin.depth + z, where.origin.height + y, where.origin.width));
  }

 private:
  patch patch_;  ///< without memory where there are operands
  operand const* operands_ = nullptr;
  int count_ = 0;
  std::byte const* arena_ = nullptr;
};

}  // namespace oxbow::on_host
