// Which activations to make again in the backward pass, so that training fits a budget of bytes.
#pragma once
#include <limits>

#include <oxbow/lower/ledger.hpp>
#include <oxbow/lower/program.hpp>

namespace oxbow {

/// A budget that any plan fits.
inline constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

namespace detail {

/// Where the search stands.
struct sacrifices {
  austerity now{}, best{};
  bool banned[limits::values]{};  ///< by item: giving it up helps here and harms elsewhere
  bool done = false;
};

constexpr sacrifices sacrifice_nothing(ledger const& book) {
  sacrifices s;
  s.now.free_ops = book.free_ops;
  account(book, s.now);
  s.best = s.now;
  return s;
}

/// What waits unread through the worst slot and frees most bytes there for its price, or none.
constexpr int next_sacrifice(ledger const& book, sacrifices const& s) {
  int best = none;
  double least = 0;
  int const slot = s.now.peak_slot;
  for (int k = 0; k < book.items.count; ++k) {
    keepsake const& i = book.items.items[k];
    if (i.ops == 0 || s.now.again[k] || s.banned[k]) continue;
    if (i.ops > s.now.free_ops || s.now.spent + i.price > book.allowance) continue;
    if (i.read.forward_end >= slot || s.now.made[k] <= slot) continue;
    std::int64_t freed = i.bytes;
    if (slot <= i.cropped.forward_end || slot <= i.cropped.last) freed -= i.crop_bytes;
    for (int j = i.sources; j < i.sources + i.source_count; ++j) {
      int const from = book.sources.items[j].item;
      if (!s.now.again[from] && s.now.end_of[from] < slot) freed -= book.items.items[from].bytes;
    }
    if (freed <= 0) continue;
    double const price = i.price / static_cast<double>(freed);
    if (best == none || price < least) best = k, least = price;
  }
  return best;
}

constexpr austerity without(ledger const& book, austerity a, int item, int watched = 0) {
  a.again[item] = false;
  a.free_ops += book.items.items[item].ops;
  a.spent -= book.items.items[item].price;
  account(book, a, watched);
  return a;
}

/// Keeps one again, for good: one that was cheap when it was given up, and now fills the worst slot with what it
/// is made from. Other slots get fuller, the least with the one that is chosen, and more can then be given up there.
constexpr sacrifices keep_one(ledger const& book, sacrifices s) {
  austerity best = s.now;
  int kept = none;
  for (int k = 0; k < book.items.count; ++k) {
    if (!s.now.again[k]) continue;
    austerity const a = without(book, s.now, k, s.now.peak_slot);
    if (a.watched_bytes >= s.now.peak_bytes - s.now.peak_bytes / 64) continue;
    if (kept == none || a.peak_bytes < best.peak_bytes) best = a, kept = k;
  }
  if (kept == none) {
    s.done = true;
  } else {
    s.banned[kept] = true;
    s.now = best;
  }
  return s;
}

/// Gives up some more, one at a time, until the budget fits.
constexpr sacrifices give_up(ledger const& book, sacrifices s, std::int64_t budget) {
  constexpr int attempts = 8;  // every constant has its own evaluator budget
  for (int n = 0; n < attempts && s.now.peak_bytes > budget; ++n) {
    int const k = next_sacrifice(book, s);
    if (k == none) {
      if (n == 0) s = keep_one(book, s);
      break;
    }
    austerity next = s.now;
    next.again[k] = true;
    next.free_ops -= book.items.items[k].ops;
    next.spent += book.items.items[k].price;
    account(book, next);
    if (next.peak_bytes > s.now.peak_bytes) s.banned[k] = true;
    else s.now = next;
  }
  if (s.now.peak_bytes < s.best.peak_bytes) s.best = s.now;
  return s;
}

/// Keeps again what turned out to be more than the budget asks for, the dearest first.
constexpr austerity take_back(ledger const& book, austerity a, std::int64_t budget) {
  bool tried[limits::values]{};
  for (;;) {
    int dearest = none;
    for (int k = 0; k < book.items.count; ++k)
      if (a.again[k] && !tried[k] && (dearest == none || book.items.items[k].price > book.items.items[dearest].price))
        dearest = k;
    if (dearest == none) return a;
    tried[dearest] = true;
    austerity const less = without(book, a, dearest);
    if (less.peak_bytes <= budget) a = less;
  }
}

constexpr value_set values_of(bookkeeper const& from, ledger const& book, austerity const& a) {
  value_set set;
  for (int k = 0; k < book.items.count; ++k)
    if (a.again[k]) from.mark_chain(book.items.items[k].value, set);
  from.mark_crops(set);
  return set;
}

/// The training graph that fits the budget, or the one that needs least.
template <flat_graph const& Training, std::int64_t Budget> struct budgeted {
  using unchanged = program<Training>;
  static constexpr ledger book = bookkeeper{unchanged::fused, unchanged::alive}.run();

  template <int Round> static constexpr sacrifices search() {
    if constexpr (Round == 0) return sacrifice_nothing(book);
    else return give_up(book, after<Round - 1>, 0);
  }
  template <int Round> static constexpr sacrifices after = search<Round>();

  /// The rounds until the peak is at most Target, or as low as it goes.
  template <std::int64_t Target, int Round = 0> static constexpr int rounds() {
    if constexpr (after<Round>.best.peak_bytes <= Target || after<Round>.done) return Round;
    else return rounds<Target, Round + 1>();
  }

  template <std::int64_t Target> struct attempt {
    static constexpr austerity found() {
      constexpr int last = rounds<Target>();
      if constexpr (last == 0) return after<0>.best;
      else return give_up(book, after<last - 1>, Target).best;
    }
    static constexpr austerity enough = found();
    static constexpr austerity chosen = enough.peak_bytes > Target ? enough : take_back(book, enough, Target);
    static constexpr flat_graph graph =
        repeat_in_backward(Training, values_of(bookkeeper{unchanged::fused, unchanged::alive}, book, chosen));
  };

  /// A placement may need a little more than what is alive, so that the first aim may miss.
  template <int Try = 1> static constexpr flat_graph const& get() {
    constexpr int tries = 3;
    if constexpr (unchanged::peak_bytes <= Budget) return Training;
    else if constexpr (Try > tries) return attempt<0>::graph;
    else {
      using aim = attempt<Budget - Try*(Budget / 256)>;
      if constexpr (program<aim::graph>::peak_bytes <= Budget) return aim::graph;
      else return get<Try + 1>();
    }
  }
};

}  // namespace detail

/// The training graph, with as many activations made again as it takes to fit the budget (bytes), the cheapest
/// first; where the budget cannot be met, as many as lower the peak.
template <flat_graph const& Training, std::int64_t Budget> constexpr flat_graph const& within_budget() {
  if constexpr (Budget == unlimited) return Training;
  else return detail::budgeted<Training, Budget>::get();
}

}  // namespace oxbow
