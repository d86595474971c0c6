// A box of pixels: what a tile covers, and what it reads.
#pragma once
#include <oxbow/core/extent.hpp>

namespace oxbow {

struct box {
  extent origin{0, 0, 0}, size{};

  constexpr OXBOW_DEVICE int end(int axis) const { return origin[axis] + size[axis]; }
  constexpr OXBOW_DEVICE bool empty() const { return size.depth < 1 || size.height < 1 || size.width < 1; }
  friend constexpr bool operator==(box const&, box const&) = default;
};

constexpr OXBOW_DEVICE box intersection(box const& a, box const& b) {
  box r;
  for (int axis = 0; axis < 3; ++axis) {
    r.origin[axis] = a.origin[axis] > b.origin[axis] ? a.origin[axis] : b.origin[axis];
    int const end = a.end(axis) < b.end(axis) ? a.end(axis) : b.end(axis);
    r.size[axis] = end > r.origin[axis] ? end - r.origin[axis] : 0;
  }
  return r;
}

constexpr OXBOW_DEVICE box scaled(box b, extent factor) {
  for (int a = 0; a < 3; ++a) b.origin[a] *= factor[a], b.size[a] *= factor[a];
  return b;
}
constexpr OXBOW_DEVICE box divided(box b, extent factor) {
  for (int a = 0; a < 3; ++a) b.origin[a] /= factor[a], b.size[a] /= factor[a];
  return b;
}

}  // namespace oxbow
