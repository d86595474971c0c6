// Poolings of patches and their gradients against ops/.
#include <oxbow/host/pooling.hpp>

#include <oxbow/ops/pooling.hpp>

#include "patches.hpp"

using namespace oxbow;
using namespace oxbow::testing;

namespace {

struct pooling {
  extent window, x_size, y_size;
  int channels;
  floats x;

  explicit pooling(chance& any) {
    window = any.pick<extent>({{1, 2, 2}, {1, 2, 2}, {2, 2, 2}, {1, 3, 3}, {1, 1, 2}, {1, 4, 4}, {1, 3, 1}, {2, 3, 4}});
    for (int a = 0; a < 3; ++a) x_size[a] = window[a] * any.between(1, 5) + any.below(window[a]);
    if (window.depth == 1) x_size.depth = any.below(3) == 0 ? 3 : 1;
    y_size = ops::pooled_size(x_size, window);
    channels = any.channels();
    x = any.tensor(x_size, channels);
    for (float& e : x.data)  // maxima that are equal, and zeros of both signs
      if (any.below(3) == 0) e = any.pick({0.f, -0.f, 0.5f});
  }
  element place_type() const {
    return window.volume() <= 4 ? element::bits2 : window.volume() <= 16 ? element::bits4 : element::u8;
  }
};

box times(box b, extent by) {
  for (int a = 0; a < 3; ++a) b.origin[a] *= by[a], b.size[a] *= by[a];
  return b;
}
/// The windows that touch a box of the enlarged image.
box windows_of(box const& x, extent window, extent y_size) {
  box b;
  for (int a = 0; a < 3; ++a) {
    b.origin[a] = std::min(x.origin[a] / window[a], y_size[a] - 1);
    b.size[a] = std::min((x.end(a) - 1) / window[a] + 1, y_size[a]) - b.origin[a];
  }
  return b;
}

}  // namespace

TEST_CASE("max pooling keeps the maximum, and its gradient goes where it was") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    chance any{seed};
    pooling const o{any};
    auto const pooled = ops::max_pool(o.x, o.window);
    small_arena arena;
    operand const place = arena.reserve(o.y_size, o.channels, o.place_type());
    operand const next = arena.put(floats{{1, 1, 16}, 1, 3});
    INFO(seed, ": window ", size_text(o.window), ", ", describe(o.x_size, {}, o.channels));

    box const part = any.part(o.y_size);
    owned_patch x{times(part, o.window), o.channels, any.below(2) == 0}, y{part, o.channels, any.below(2) == 0};
    on_host::max_pool(x.show(o.x).p, y.p, o.window, nullptr, arena.bytes());
    CHECK(mismatch(y, pooled.y) == "");
    CHECK(mismatch(x, o.x) == "");

    // In tiles, so that places are written next to each other; the last one may reach beyond the tensor.
    extent const tile{any.between(1, 3), any.between(1, 3), any.between(1, 4)};
    for (int z = 0; z < o.y_size.depth; z += tile.depth)
      for (int r = 0; r < o.y_size.height; r += tile.height)
        for (int c = 0; c < o.y_size.width; c += tile.width) {
          box const b{{z, r, c}, tile};
          owned_patch from{times(b, o.window), o.channels, any.below(2) == 0}, to{b, o.channels, any.below(2) == 0};
          on_host::max_pool(from.show(o.x).p, to.p, o.window, &place, arena.bytes());
          CHECK(mismatch(to, [&](int k, ops::pixel p) {
                  return ops::contains(o.y_size, p) ? pooled.y(k, p)
                                                    : to.p.at(k / 16, p.z - z, p.y - r, p.x - c)[k % 16];
                }) == "");
        }
    CHECK(arena.get(next).data == std::vector<float>(16, 3));

    floats const dy = any.tensor(o.y_size, o.channels);
    floats const dx = ops::max_pool_grad(dy, pooled.place, o.window, o.x_size);
    owned_patch to{any.part(o.x_size), o.channels, any.below(2) == 0};
    owned_patch from{windows_of(to.p.where, o.window, o.y_size), o.channels, any.below(2) == 0};
    on_host::max_pool_grad(from.show(dy).p, place, arena.bytes(), to.p, o.window);
    CHECK(mismatch(to, dx) == "");
    CHECK(mismatch(from, dy) == "");
  }
}

TEST_CASE("average pooling takes the mean of a window, and its gradient spreads it") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    chance any{seed};
    pooling const o{any};
    INFO(seed, ": window ", size_text(o.window), ", ", describe(o.x_size, {}, o.channels));
    box const part = any.part(o.y_size);
    owned_patch x{times(part, o.window), o.channels, any.below(2) == 0}, y{part, o.channels, any.below(2) == 0};
    on_host::avg_pool(x.show(o.x).p, y.p, o.window);
    doubles const mean = ops::avg_pool(exact(o.x), o.window);
    // One rounding in the reciprocal of each axis and two in their product; for each of the n terms one at its product
    // with the weight and one at the sum it joins.
    doubles size = exact(o.x);
    for (double& e : size.data) e = std::fabs(e);
    doubles const terms = ops::avg_pool(size, o.window);
    double const n = static_cast<double>(o.window.volume());
    CHECK(mismatch(y, mean, [&](int c, ops::pixel p) { return (n + 6) * rounding * terms(c, p); }) == "");

    floats const dy = any.tensor(o.y_size, o.channels);
    doubles const dx = ops::avg_pool_grad(exact(dy), o.window, o.x_size);
    owned_patch to{any.part(o.x_size), o.channels, any.below(2) == 0};
    owned_patch from{windows_of(to.p.where, o.window, o.y_size), o.channels, any.below(2) == 0};
    on_host::avg_pool_grad(from.show(dy).p, to.p, o.window);
    CHECK(mismatch(to, dx, [&](int c, ops::pixel p) { return 7 * rounding * std::fabs(dx(c, p)); }) == "");
  }
}
