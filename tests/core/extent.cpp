// Sizes count, index and compare as images in row-major order do.
#include <doctest/doctest.h>

#include <oxbow/core/extent.hpp>
using namespace oxbow;

static_assert(extent{}.volume() == 1, "an extent nobody filled in is one pixel");
static_assert(tile<5, 7>::size == extent{1, 5, 7} && tile<5, 7>::first_axis == 1);
static_assert(tile<3, 5, 7>::size == extent{3, 5, 7} && tile<3, 5, 7>::first_axis == 0);
static_assert(extent{1, 2, 3} != extent{1, 3, 2} && extent{2, 2, 2} != extent{1, 2, 2});

// 2^31 pixels and more do not overflow.
static_assert(extent{4, 65536, 65536}.volume() == std::int64_t{1} << 34);
static_assert(extent{4, 65536, 65536}.index(3, 65535, 65535) == (std::int64_t{1} << 34) - 1);

TEST_CASE("axes are depth, height, width, to read and to write") {
  extent e{2, 3, 5};
  CHECK(e[0] == 2);
  CHECK(e[1] == 3);
  CHECK(e[2] == 5);
  for (int axis = 0; axis < 3; ++axis) e[axis] = 10 + axis;
  CHECK(e == extent{10, 11, 12});
}

TEST_CASE("index numbers the pixels row by row without a gap") {
  extent const e{2, 3, 5};
  std::int64_t next = 0;
  for (int z = 0; z < e.depth; ++z)
    for (int y = 0; y < e.height; ++y)
      for (int x = 0; x < e.width; ++x) CHECK(e.index(z, y, x) == next++);
  CHECK(next == e.volume());
}

TEST_CASE("contains knows the six faces") {
  extent const e{2, 3, 5};
  CHECK(e.contains(0, 0, 0));
  CHECK(e.contains(1, 2, 4));
  CHECK_FALSE(e.contains(-1, 0, 0));
  CHECK_FALSE(e.contains(2, 0, 0));
  CHECK_FALSE(e.contains(0, -1, 0));
  CHECK_FALSE(e.contains(0, 3, 0));
  CHECK_FALSE(e.contains(0, 0, -1));
  CHECK_FALSE(e.contains(0, 0, 5));
}
