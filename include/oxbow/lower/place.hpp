// Every stored value gets an address in the one arena of its program.
#pragma once
#include <oxbow/core/layout.hpp>
#include <oxbow/lower/fuse.hpp>

namespace oxbow {

/// One stored value: alive from the step that writes it to the last step that reads it. What the
/// caller writes is born before the first step (−1), what the caller reads lives beyond the last.
struct buffer {
  int value = none;
  int born = none, dies = none;
  std::int64_t bytes = 0, offset = 0;
};

struct placement {
  list<buffer, limits::values> buffers{};
  list<int, limits::values> buffer_of{};   ///< by value; none if it is not in the arena
  std::int64_t peak_bytes = 0;             ///< what this placement needs
  std::int64_t bound_bytes = 0;            ///< what is alive at the worst step: no placement of this plan needs less
};

/// Buffers begin on cache lines.
inline constexpr std::int64_t buffer_alignment = 64;
constexpr std::int64_t bytes_of(value const& v) {
  bool const halves = v.type == element::f16 || v.type == element::bf16;
  std::int64_t const bytes = halves ? layout_of_halves::bytes(v.size, v.channels)
                                    : layout::bytes(v.size, v.channels, bits_of(v.type));
  return (bytes + buffer_alignment - 1) / buffer_alignment * buffer_alignment;
}

namespace detail {

/// Extends the life of everything stored that a read of v touches.
constexpr void touch(fused_graph const& g, placement& p, int v, int step) {
  if (p.buffer_of[v] != none) {
    buffer& b = p.buffers[p.buffer_of[v]];
    if (step > b.dies) b.dies = step;
    return;
  }
  if (g.home(v) == step) return;
  for (int u : g.net.producer(v).in)
    if (u != none) touch(g, p, u, step);
}

}  // namespace detail

/// Who is alive when, and how much of it at once.
constexpr placement liveness(fused_graph const& g) {
  placement p;
  for (int v = 0; v < g.net.values.size(); ++v) {
    value const& x = g.net.values[v];
    bool const placed = g.stored[v] && !x.in_gradients;
    p.buffer_of.push(placed ? p.buffers.push({v, g.home(v), g.home(v), bytes_of(x)}) : none);
  }
  for (int i = 0; i < g.net.ops.size(); ++i)
    if (g.step_of[i] != none)
      for (int v : g.net.ops[i].in)
        if (v != none) detail::touch(g, p, v, g.step_of[i]);
  detail::touch(g, p, g.net.output, g.count());
  list<std::int64_t, limits::ops + 3> change;   // bytes born minus bytes that died, at each step from −1 on
  change.resize(g.count() + 3, 0);
  for (auto const& b : p.buffers) change[b.born + 1] += b.bytes, change[b.dies + 2] -= b.bytes;
  std::int64_t alive = 0;
  for (auto const c : change)
    if ((alive += c) > p.bound_bytes) p.bound_bytes = alive;
  return p;
}

/// In which order buffers choose their places at first.
enum class priority { longest, largest, bytes_times_steps };

using placing_order = list<int, limits::values>;

constexpr placing_order order_by(placement const& p, priority by) {
  placing_order order;
  auto const weight = [&](buffer const& b) {
    std::int64_t const steps = b.dies - b.born + 1;
    return by == priority::largest ? b.bytes : by == priority::longest ? steps : b.bytes * steps;
  };
  for (int i = 0; i < p.buffers.size(); ++i) {
    int k = order.push(i);
    for (; k > 0 && weight(p.buffers[i]) > weight(p.buffers[order[k - 1]]); --k) order[k] = order[k - 1];
    order[k] = i;
  }
  return order;
}

/// Places buffers one by one into the first gap between those already placed that are alive at the
/// same time. Returns the position in the order of the one that reaches highest.
constexpr int place_in_order(placement& p, placing_order const& order) {
  buffer placed[limits::values]{};       // sorted by offset; plain arrays: this is the compile time's inner loop
  int highest = 0, count = 0;
  p.peak_bytes = 0;
  for (int position = 0; position < order.count; ++position) {
    buffer& b = p.buffers.items[order.items[position]];
    std::int64_t end = 0;
    for (int j = 0; j < count; ++j) {
      if (placed[j].dies < b.born || b.dies < placed[j].born) continue;
      if (placed[j].offset - end >= b.bytes) break;
      std::int64_t const top = placed[j].offset + placed[j].bytes;
      if (top > end) end = top;
    }
    b.offset = end;
    if (end + b.bytes > p.peak_bytes) p.peak_bytes = end + b.bytes, highest = position;
    int k = count++;
    for (; k > 0 && placed[k - 1].offset > end; --k) placed[k] = placed[k - 1];
    placed[k] = b;
  }
  return highest;
}

/// Where a search stands: the best placement so far, and the order to try next.
struct placing {
  placement best{};
  placing_order order{};
};

/// Near enough to the bound to stop searching: within 0.2 %.
constexpr bool is_tight(placement const& p) {
  return p.peak_bytes > 0 && p.peak_bytes <= p.bound_bytes + p.bound_bytes / 512;
}

/// Places a few times; after each, the buffer that reaches highest chooses twice as early. From one of
/// the three first orders this comes within 0.4 % of the bound on every plan of the tests.
constexpr placing improve(placing search) {
  constexpr int attempts = 6;
  placement p = search.best;
  for (int n = 0; n < attempts && !is_tight(search.best); ++n) {
    int const highest = place_in_order(p, search.order);
    if (search.best.peak_bytes == 0 || p.peak_bytes < search.best.peak_bytes) search.best = p;
    int const moved = search.order[highest];
    for (int k = highest; k > highest / 2; --k) search.order[k] = search.order[k - 1];
    search.order[highest / 2] = moved;
  }
  return search;
}

/// The best that any first order leads to. Compile time is cheap here where memory is not; each
/// search is a constant of its own, because every constant has its own evaluator budget.
template <fused_graph const& Graph> struct best_placement {
  static constexpr placement alive = liveness(Graph);
  template <priority By, int Round> static constexpr placing search() {
    if constexpr (Round == 0) return improve({alive, order_by(alive, By)});
    else return improve(found<By, Round - 1>);
  }
  template <priority By, int Round> static constexpr placing found = search<By, Round>();

  template <priority By, int Round = 0> static constexpr placement const& get() {
    constexpr placement const& here = found<By, Round>.best;
    if constexpr (is_tight(here)) return here;
    else if constexpr (Round < 2) return get<By, Round + 1>();
    else if constexpr (By == priority::bytes_times_steps) return here;
    else {
      constexpr placement const& other = get<static_cast<priority>(static_cast<int>(By) + 1), 0>();
      return other.peak_bytes < here.peak_bytes ? other : here;
    }
  }
  static constexpr placement const& get() { return get<priority::longest, 0>(); }
};

/// Where the arena has room while a step runs.
struct spare_room {
  std::int64_t offset = 0, bytes = 0;   ///< the largest gap between what is alive
  std::int64_t end = 0;                 ///< behind all that is alive
};

constexpr spare_room spare_during(placement const& p, int step) {
  spare_room r;
  for (;;) {
    buffer const* next = nullptr;   // the lowest one behind what has been seen
    for (auto const& b : p.buffers)
      if (b.born <= step && step <= b.dies && b.offset >= r.end && (next == nullptr || b.offset < next->offset))
        next = &b;
    if (next == nullptr) return r;
    if (next->offset - r.end > r.bytes) r.offset = r.end, r.bytes = next->offset - r.end;
    r.end = next->offset + next->bytes;
  }
}

}  // namespace oxbow
