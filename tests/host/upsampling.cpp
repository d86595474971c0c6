// Enlarging patches, mirrored borders and the gradients of both against ops/.
#include <oxbow/host/upsampling.hpp>

#include <oxbow/ops/views.hpp>

#include "patches.hpp"

using namespace oxbow;
using namespace oxbow::testing;

namespace {

doubles magnitudes(floats const& x) {
  doubles d = exact(x);
  for (double& e : d.data) e = std::fabs(e);
  return d;
}

/// The input is poisoned outside of the box that is said to be needed, and that box lies within the tensor.
void check_part(chance& any, floats const& x, doubles const& y, doubles const& terms, double most_terms,
                box (*needed)(box const&, void const*), void (*run)(patch const&, patch const&, void const*),
                void const* context) {
  owned_patch to{any.part(y.size), y.channels, any.below(2) == 0};
  box const b = needed(to.p.where, context);
  INFO(describe(y.size, to.p.where, y.channels), " from a box of ", size_text(b.size));
  REQUIRE(intersection(b, {{0, 0, 0}, x.size}) == b);
  owned_patch from{b, x.channels, any.below(2) == 0};
  run(from.show(x).p, to.p, context);
  // The weight of a term is a product of three floats, each rounded once: 5 roundings; then one for the term and one
  // for each sum.
  CHECK(mismatch(to, y, [&](int c, ops::pixel p) { return (most_terms + 6) * rounding * terms(c, p); }) == "");
  CHECK(mismatch(from, x) == "");
  // Larger than needed is as good.
  box larger = b;
  for (int a = 0; a < 3; ++a) larger.origin[a] -= any.below(2), larger.size[a] += any.between(1, 3);
  owned_patch more{larger, x.channels, any.below(2) == 0}, again{to.p.where, y.channels, any.below(2) == 0};
  run(more.show(x).p, again.p, context);
  CHECK(mismatch(again, [&](int c, ops::pixel p) {
          box const& at = to.p.where;
          return to.p.at(c / 16, p.z - at.origin.depth, p.y - at.origin.height, p.x - at.origin.width)[c % 16];
        }) == "");
}

struct enlarging {
  extent factor, size;
  bool linear;
};

}  // namespace

TEST_CASE("enlarging a part of an image needs the pixels it says and gives what enlarging all of it gives") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    chance any{seed};
    enlarging e{any.pick<extent>({{1, 2, 2}, {1, 2, 2}, {2, 2, 2}, {1, 3, 1}, {1, 1, 1}, {3, 1, 4}}), any.size(7),
                any.below(2) == 0};
    int const channels = any.channels();
    INFO(seed, ": factor ", size_text(e.factor), std::string{e.linear ? ", linear" : ", nearest"});

    floats const x = any.tensor(e.size, channels);
    auto const enlarged = [&](doubles const& of) {
      return e.linear ? ops::upsample_linear(of, e.factor) : ops::upsample_nearest(of, e.factor);
    };
    check_part(
        any, x, enlarged(exact(x)), enlarged(magnitudes(x)), e.linear ? 8 : -6,
        [](box const& y, void const* c) {
          auto const& o = *static_cast<enlarging const*>(c);
          return on_host::upsample_input(y, o.size, o.factor, o.linear);
        },
        [](patch const& from, patch const& to, void const* c) {
          auto const& o = *static_cast<enlarging const*>(c);
          on_host::upsample(from, o.size, to, o.factor, o.linear);
        },
        &e);

    floats const dy = any.tensor(ops::enlarge(e.size, e.factor), channels);
    auto const shrunk = [&](doubles const& of) {
      return e.linear ? ops::upsample_linear_grad(of, e.factor) : ops::upsample_nearest_grad(of, e.factor);
    };
    double const around = e.linear ? 8 : 1;
    check_part(
        any, dy, shrunk(exact(dy)), shrunk(magnitudes(dy)), around * static_cast<double>(e.factor.volume()),
        [](box const& y, void const* c) {
          auto const& o = *static_cast<enlarging const*>(c);
          return on_host::upsample_grad_input(y, o.size, o.factor, o.linear);
        },
        [](patch const& from, patch const& to, void const* c) {
          auto const& o = *static_cast<enlarging const*>(c);
          on_host::upsample_grad(from, to, o.size, o.factor, o.linear);
        },
        &e);
  }
}

TEST_CASE("a mirrored border gives its gradient back to the pixels it showed, however often") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    chance any{seed};
    struct mirrors {
      extent border, size;
    } m{{}, any.size(8)};
    m.border = {m.size.depth == 1 ? 0 : any.below(3), any.below(4), any.below(3) == 0 ? 9 : any.below(3)};
    floats const dy = any.tensor(ops::bordered(m.size, m.border), any.channels());
    INFO(seed, ": border ", size_text(m.border), " around ", size_text(m.size));
    double const most = static_cast<double>(dy.size.volume());
    check_part(
        any, dy, ops::mirror_grad(exact(dy), m.border, m.size), ops::mirror_grad(magnitudes(dy), m.border, m.size),
        most,
        [](box const& y, void const* c) {
          auto const& o = *static_cast<mirrors const*>(c);
          return on_host::mirror_grad_input(y, o.border, o.size);
        },
        [](patch const& from, patch const& to, void const* c) {
          auto const& o = *static_cast<mirrors const*>(c);
          on_host::mirror_grad(from, to, o.border, o.size);
        },
        &m);
  }
}

TEST_CASE("inside of an image the gradient of a border is a copy of as many pixels") {
  box const inside{{0, 4, 5}, {1, 2, 3}};
  box const read = on_host::mirror_grad_input(inside, {0, 2, 2}, {1, 20, 20});
  CHECK(read == box{{0, 6, 7}, {1, 2, 3}});
}
