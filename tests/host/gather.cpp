// gather and store against the plain views of ops/.
#include <memory>

#include <oxbow/host/sweep.hpp>
#include <oxbow/lower/plan.hpp>
#include <oxbow/ops/views.hpp>

#include "patches.hpp"

using namespace oxbow;
using namespace oxbow::testing;

namespace {

/// A tensor as a view shows it, and the operands that say so.
struct shown {
  floats value;
  std::vector<operand> operands;
};

int read_in_place = 0;  ///< how often

/// A copy of the box made by a sweep that reads it where it lies, if that can be.
std::string swept(small_arena const& arena, shown const& from, box const& b) {
  auto const count = static_cast<int>(from.operands.size());
  int const channels = from.value.channels;
  if (!on_host::box_view::stored(from.operands.data(), count, channels, b)) return "";
  ++read_in_place;
  owned_patch y{b, channels};
  on_host::sweep<on_host::native>(y.p, on_host::box_view{from.operands.data(), count, channels, b, arena.bytes()},
                                  [](int, auto const&, auto const& there) { return there; });
  return mismatch(y, [&](int c, ops::pixel p) { return from.value(c, p); });
}

std::string gathered(small_arena const& arena, shown const& from, box const& b, int first, int channels, bool wide) {
  if (first == 0 && channels == from.value.channels)
    if (std::string const wrong = swept(arena, from, b); !wrong.empty()) return "read in place: " + wrong;
  owned_patch y{b, channels, wide};
  on_host::gather(y.p, from.operands.data(), static_cast<int>(from.operands.size()), arena.bytes(), first);
  return mismatch(
      y, [&](int c, ops::pixel p) { return ops::contains(from.value.size, p) ? from.value(first + c, p) : 0.f; });
}

shown whole(small_arena& arena, chance& any, extent size, int channels) {
  shown s{any.tensor(size, channels), {}};
  s.operands.push_back(arena.put(s.value));
  return s;
}

extent border_in(chance& any, extent size) { return {size.depth == 1 ? 0 : any.below(3), any.below(4), any.below(4)}; }

}  // namespace

TEST_CASE("a patch shows a box of a stored tensor, and zero around it") {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    chance any{seed};
    small_arena arena;
    shown const x = whole(arena, any, any.size(), any.channels());
    box b = any.part(x.value.size);
    for (int a = 0; a < 3; ++a) b.origin[a] -= any.below(3), b.size[a] += any.below(5);
    INFO(seed, ": ", describe(x.value.size, b, x.value.channels));
    CHECK(gathered(arena, x, b, 0, x.value.channels, any.below(2)) == "");
    int const first = any.below((x.value.channels + 15) / 16) * 16;
    CHECK(gathered(arena, x, b, first, any.between(1, x.value.channels - first), any.below(2)) == "");
  }
}

TEST_CASE("two and three tensors join along the channels, whatever their numbers") {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    chance any{seed};
    small_arena arena;
    extent const size = any.size();
    shown x = whole(arena, any, size, any.channels());
    for (int more = any.between(1, 2); more > 0; --more) {
      shown const other = whole(arena, any, size, any.channels());
      x.value = ops::join(x.value, other.value);
      x.operands.push_back(other.operands[0]);
    }
    box const b = any.part(size);
    INFO(seed, ": ", describe(size, b, x.value.channels), " of ", x.operands.size(), " operands");
    CHECK(gathered(arena, x, b, 0, x.value.channels, any.below(2)) == "");
    int const first = any.below(x.value.channels);
    CHECK(gathered(arena, x, b, first, any.between(1, x.value.channels - first), any.below(2)) == "");
  }
}

TEST_CASE("crops, zeros around, mirrored borders and slices are read through") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    chance any{seed};
    small_arena arena;
    shown x = whole(arena, any, any.size(), any.channels());
    extent const size = x.value.size;
    operand& o = x.operands[0];
    extent const border = border_in(any, size);
    int const view = any.below(4);
    if (view == 0) {
      box const part = any.part(size);
      o.shift = o.low = part.origin;
      for (int a = 0; a < 3; ++a) o.high[a] = part.end(a);
      x.value = ops::crop(x.value, part.origin, part.size);
    } else if (view == 3) {
      o.first_channel = any.below(o.channels), o.count = any.between(1, o.channels - o.first_channel);
      x.value = ops::slice(x.value, o.first_channel, o.count);
    } else {
      for (int a = 0; a < 3; ++a) o.shift[a] = -border[a];
      o.mirrored = view == 2;
      x.value = view == 2 ? ops::mirror(x.value, border) : ops::pad_zero(x.value, border, ops::bordered(size, border));
    }
    box const b = any.part(x.value.size);
    INFO(seed, ": view ", view, " ", describe(x.value.size, b, x.value.channels));
    CHECK(gathered(arena, x, b, 0, x.value.channels, any.below(2)) == "");
  }
}

namespace {

/// A graph of random views of two convolutions' results, read by a third convolution.
struct viewed_graph {
  flat_graph net{};
  std::vector<floats> values;  ///< what the views mean, by value

  int keep(int v, floats x) {
    values.resize(static_cast<std::size_t>(v) + 1);
    values[static_cast<std::size_t>(v)] = std::move(x);
    return v;
  }
  /// A value that the caller or a step stores.
  int made(chance& any, extent size, int channels) {
    int const image = net.emit({.kind = op_kind::image}, size, 1);
    int const v =
        net.emit({.kind = op_kind::convolve, .in = {image, none, none, none}, .window = {1, 3, 3}}, size, channels);
    return keep(v, any.tensor(size, channels));
  }
  int view(op o, int x, floats y) {
    o.in[0] = x;
    int const v = net.emit(o, y.size, y.channels);
    return keep(v, std::move(y));
  }
  /// padded: pad_zero may be one. It comes in gradients only, and there is no mirror in a gradient: an operand has
  /// zeros around it or its mirror image, not both.
  int some_view(chance& any, int v, bool padded) {
    floats const x = values[static_cast<std::size_t>(v)];
    extent const border = border_in(any, x.size);
    switch (any.below(padded ? 3 : 2)) {
      case 0: {
        box const part = any.part(x.size);
        return view({.kind = op_kind::crop, .border = part.origin}, v, ops::crop(x, part.origin, part.size));
      }
      case 2:
        return view({.kind = op_kind::pad_zero, .border = border}, v,
                    ops::pad_zero(x, border, ops::bordered(x.size, border)));
      default: {
        int const first = any.below(x.channels), count = any.between(1, x.channels - first);
        return view({.kind = op_kind::slice, .channel = first}, v, ops::slice(x, first, count));
      }
    }
  }
};

}  // namespace

TEST_CASE("what the plan's operands show is what the views between two steps mean") {
  read_in_place = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    chance any{seed};
    auto const g = std::make_unique<viewed_graph>();
    bool const mirrors = any.below(3) == 0;
    int const a = g->made(any, any.size(9), any.channels());
    int v = a;
    for (int n = any.below(4); n > 0; --n) v = g->some_view(any, v, !mirrors);
    if (any.below(2) == 0) {
      floats const x = g->values[static_cast<std::size_t>(v)];
      int const b = g->made(any, x.size, any.channels());
      floats both = ops::join(x, g->values[static_cast<std::size_t>(b)]);
      op o{.kind = op_kind::join};
      o.in[1] = b;
      v = g->view(o, v, std::move(both));
      for (int n = any.below(3); n > 0; --n) v = g->some_view(any, v, !mirrors);
    }
    if (mirrors) {
      floats const x = g->values[static_cast<std::size_t>(v)];
      extent const border = border_in(any, x.size);
      v = g->view({.kind = op_kind::mirror, .border = border}, v, ops::mirror(x, border));
    }
    floats const expected = g->values[static_cast<std::size_t>(v)];
    op last{.kind = op_kind::convolve, .in = {v, none, none, none}, .window = {1, 3, 3}};
    g->net.output = g->net.emit(last, expected.size, 1);
    g->net.forward_ops = g->net.ops.size();
    auto const fused = std::make_unique<fused_graph>(fuse(g->net, {.heads = false, .recompute = false}));
    auto const placed = std::make_unique<placement>(liveness(*fused));
    // Each stored tensor into an arena of the test's, at an offset that tells which it is.
    small_arena arena;
    for (buffer& b : placed->buffers) {
      bool const meant = static_cast<std::size_t>(b.value) < g->values.size();
      floats const x = meant ? g->values[static_cast<std::size_t>(b.value)] : floats{};
      if (!x.data.empty()) b.offset = arena.put(x).offset;
    }
    auto const p = std::make_unique<plan>(make_plan(*fused, *placed));
    source const& from = p->instructions.items[p->instructions.size() - 1].in[0];
    shown const x{expected, {p->operands.begin() + from.first, p->operands.begin() + from.first + from.count}};
    box const b = any.part(expected.size);
    INFO(seed, ": ", describe(expected.size, b, expected.channels), " of ", from.count, " operands");
    CHECK(gathered(arena, x, b, 0, expected.channels, any.below(2)) == "");
  }
  CHECK(read_in_place >= 5);
}

TEST_CASE("storing writes the pixels within the tensor and nothing else") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    chance any{seed};
    small_arena arena;
    extent const size = any.size();
    int const channels = any.channels();
    floats const before = any.tensor(size, channels), x = any.tensor(size, channels);
    operand const o = arena.put(before), next = arena.put(before);
    box b = any.part(size);
    for (int a = 0; a < 3; ++a) b.origin[a] -= any.below(3), b.size[a] += any.below(5);
    owned_patch y{b, channels, any.below(2) == 0};
    y.show(x);
    on_host::store(y.p, o, arena.bytes());
    floats const after = arena.get(o);
    INFO(seed, ": ", describe(size, b, channels));
    int wrong = 0;
    for (int c = 0; c < channels; ++c)
      ops::for_each_pixel(size, [&](ops::pixel p) {
        bool written = true;
        for (int a = 0; a < 3; ++a) written = written && p[a] >= b.origin[a] && p[a] < b.end(a);
        wrong += after(c, p) != (written ? x(c, p) : before(c, p));
      });
    CHECK(wrong == 0);
    CHECK(arena.get(next).data == before.data);
  }
}
