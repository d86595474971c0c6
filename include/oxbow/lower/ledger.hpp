// The memory of a training program as a ledger of lifetimes, cheap enough to try many ways to need less of it.
#pragma once
#include <oxbow/lower/plan.hpp>
#include <oxbow/lower/recompute.hpp>

namespace oxbow::detail {

/// What moving a byte between memory and a step costs, in multiply-adds.
inline constexpr double per_byte = 8;

/// When a stored value is alive, in slots: step s runs in slot 2s + 3, and what is made again for it is made in
/// slot 2s + 2; the caller writes in slot 1.
struct lifetime {
  int forward_end = 0;      ///< the last forward read, or the writing
  int first = 0, last = 0;  ///< backward reads; first == 0 where there are none
};

/// A stored value of the training program, and what it takes to make it again.
struct keepsake {
  int value = none;
  int born = 0;
  std::int64_t bytes = 0;
  lifetime read{};
  lifetime cropped{};           ///< reads through the value's only crop
  std::int64_t crop_bytes = 0;  ///< of that crop; 0 where there is none
  int sources = 0;              ///< positions in `ledger::sources`
  int source_count = 0;
  int ops = 0;       ///< to make it again; 0 if that cannot be
  double price = 0;  ///< of making it again, in multiply-adds
};

/// What to know of a training program to budget its memory: some hundred lifetimes, where lowering the graph
/// anew for each choice would cost a thousand times as much.
struct ledger {
  struct source {
    int item = 0;
    bool cropped = false;
  };
  static constexpr int slots = 2 * limits::ops + 6;

  list<keepsake, limits::values> items{};
  list<source, 2 * limits::values> sources{};
  int steps = 0;
  int free_ops = 0;      ///< room in the graph
  double allowance = 0;  ///< what making values again may cost: an eighth of the training step
};

/// Fills a ledger from a fused training graph and the lives of its buffers.
struct bookkeeper {
  fused_graph const& g;
  placement const& p;
  ledger book{};
  int forward_readers[limits::values]{};  ///< in other steps than its own; one that does not crop counts twice

  constexpr bookkeeper(fused_graph const& fused, placement const& placed) : g{fused}, p{placed} {
    for (int i = 0; i < g.net.ops.count; ++i) {
      op const& o = g.net.ops.items[i];
      if (i >= g.net.forward_ops && !is_loss(o.kind)) continue;
      for (int v : o.in)
        if (v != none) forward_readers[v] += o.kind == op_kind::crop ? 1 : g.step_of.items[i] == g.home(v) ? 0 : 2;
    }
  }

  constexpr int item(int v) const { return p.buffer_of.items[v]; }
  constexpr bool is_forward(int v) const { return g.net.values.items[v].producer < g.net.forward_ops; }

  /// All that other forward steps read of a stored value: if the value is made again, this crop is stored instead.
  constexpr bool is_kept_crop(int v) const {
    op const& o = g.net.producer(v);
    return o.kind == op_kind::crop && is_forward(v) && item(o.in[0]) != none && forward_readers[o.in[0]] == 1;
  }

  /// The stored values behind a read of v: calls found(item, through its only crop?).
  template <class Found> constexpr void reach(int v, int step, Found found) const {
    if (item(v) != none) return found(item(v), false);
    if (step != none && g.home(v) == step) return;
    op const& o = g.net.producer(v);
    if (is_kept_crop(v)) return found(item(o.in[0]), true);
    for (int u : o.in)
      if (u != none) reach(u, step, found);
  }

  /// Gathers what it takes to make v again from stored values.
  constexpr void chain(int v, keepsake& k) {
    op const& o = g.net.producer(v);
    if (!repeats(o.kind) || o.out[0] != v) k.ops = limits::ops;
    ++k.ops;
    k.price += static_cast<double>(work_of(g.net, o));
    for (int u : o.in) {
      if (u == none) continue;
      op const& made = g.net.producer(u);
      if (item(u) != none) add_source({item(u), false}, k);
      else if (is_kept_crop(u)) add_source({item(made.in[0]), true}, k);
      else chain(u, k);
    }
  }
  constexpr void add_source(ledger::source s, keepsake& k) {
    book.sources.push(s);
    ++k.source_count;
    keepsake const& from = book.items.items[s.item];
    k.price += per_byte * static_cast<double>(s.cropped ? from.crop_bytes : from.bytes);
  }

  /// Every value that is made on the way from stored values to v.
  constexpr void mark_chain(int v, value_set& set) const {
    set.has[v] = true;
    for (int u : g.net.producer(v).in)
      if (u != none && item(u) == none && !is_kept_crop(u)) mark_chain(u, set);
  }

  /// Crops of values that are made again, but for those that are kept.
  constexpr void mark_crops(value_set& set) const {
    for (int i = 0; i < g.net.forward_ops; ++i)
      if (op const& o = g.net.ops.items[i]; o.kind == op_kind::crop && set.has[o.in[0]] && !is_kept_crop(o.out[0]))
        set.has[o.out[0]] = true;
  }

  constexpr ledger run() {
    double cost = 0;  // of a whole training step
    for (auto const& b : p.buffers) {
      keepsake k{.value = b.value, .born = 2 * b.born + 3, .bytes = b.bytes};
      k.read.forward_end = k.cropped.forward_end = k.born;
      book.items.push(k);
      cost += per_byte * static_cast<double>(k.bytes);
    }
    for (int i = 0; i < g.net.forward_ops; ++i)
      if (int const v = g.net.ops.items[i].out[0]; is_kept_crop(v))
        book.items.items[item(g.net.ops.items[i].in[0])].crop_bytes = bytes_of(g.net.values.items[v]);
    for (int i = 0; i < g.net.ops.count; ++i) {
      int const step = g.step_of.items[i], slot = 2 * step + 3;
      if (step == none) continue;
      cost += static_cast<double>(work_of(g.net, g.net.ops.items[i]));
      bool const backward = i >= g.net.forward_ops && !is_loss(g.net.ops.items[i].kind);
      for (int v : g.net.ops.items[i].in)
        if (v != none)
          reach(v, step, [&](int k, bool cropped) {
            cost += per_byte * static_cast<double>(book.items.items[k].bytes);
            lifetime& t = cropped ? book.items.items[k].cropped : book.items.items[k].read;
            if (!backward) t.forward_end = t.forward_end > slot ? t.forward_end : slot;
            else t.first = t.first == 0 || slot < t.first ? slot : t.first, t.last = t.last > slot ? t.last : slot;
          });
    }
    reach(g.net.output, none, [&](int k, bool) { book.items.items[k].read.last = 2 * g.count() + 3; });
    for (auto& k : book.items) {
      k.sources = book.sources.count;
      if (!is_forward(k.value) || k.read.first == 0 || k.value != g.net.producer(k.value).out[0]) continue;
      k.price = per_byte * static_cast<double>(k.bytes);
      chain(k.value, k);
      if (k.ops > limits::ops) k.ops = 0;
    }
    book.allowance = cost / 8;
    book.steps = g.count();
    int const values = limits::values - g.net.values.count, ops = limits::ops - g.net.ops.count;
    book.free_ops = values < ops ? values : ops;
    if (book.items.full || book.sources.full) book.free_ops = 0;
    return book;
  }
};

/// Some keepsakes given up, and the memory that is then alive at the worst slot.
struct austerity {
  bool again[limits::values]{};  ///< by item
  int end_of[limits::values]{};  ///< the last slot that an item is alive in
  int made[limits::values]{};    ///< the slot in which an item that is given up would be made again
  std::int64_t peak_bytes = 0;
  int peak_slot = 0;
  double spent = 0;                ///< the prices of all that is given up
  std::int64_t watched_bytes = 0;  ///< alive in the slot that `account` is told to watch
  int free_ops = 0;
};

/// Follows all lifetimes from the last value to the first, so that readers come before what they read.
constexpr void account(ledger const& book, austerity& a, int watched = 0) {
  std::int64_t change[ledger::slots]{};
  int needed_first[limits::values]{}, needed_last[limits::values]{}, needed_crop[limits::values]{};
  auto const later = [](int x, int y) { return x > y ? x : y; };
  auto const alive = [&](int from, int to, std::int64_t bytes) { change[from] += bytes, change[to + 1] -= bytes; };
  for (int k = book.items.count - 1; k >= 0; --k) {
    keepsake const& i = book.items.items[k];
    int const first = i.read.first == 0 ? 0 : i.read.first - 1;
    a.made[k] = needed_first[k] != 0 && (first == 0 || needed_first[k] < first) ? needed_first[k] : first;
    int const last = later(later(i.read.last, needed_last[k]), i.read.forward_end);
    int const crop_last = later(later(i.cropped.last, needed_crop[k]), i.cropped.forward_end);
    if (!a.again[k]) {
      a.end_of[k] = later(last, crop_last);
      alive(i.born, a.end_of[k], i.bytes);
      continue;
    }
    alive(i.born, i.read.forward_end, i.bytes);
    alive(a.made[k], last, i.bytes);
    if (i.crop_bytes != 0) alive(i.born, crop_last, i.crop_bytes);
    a.end_of[k] = crop_last;
    for (int s = i.sources; s < i.sources + i.source_count; ++s) {
      int const from = book.sources.items[s].item;
      if (book.sources.items[s].cropped) {
        needed_crop[from] = later(needed_crop[from], a.made[k]);
      } else {
        if (needed_first[from] == 0 || a.made[k] < needed_first[from]) needed_first[from] = a.made[k];
        needed_last[from] = later(needed_last[from], a.made[k]);
      }
    }
  }
  a.peak_bytes = 0;
  std::int64_t sum = 0;
  for (int slot = 0; slot < 2 * book.steps + 5; ++slot) {
    if ((sum += change[slot]) > a.peak_bytes) a.peak_bytes = sum, a.peak_slot = slot;
    if (slot == watched) a.watched_bytes = sum;
  }
}

}  // namespace oxbow::detail
