// A map without its small regions, at every threshold at once.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/wording.hpp>
#include <oxbow/objects/components.hpp>

namespace oxbow {

/// What is above a threshold in the result are the pieces of at least `least` pixels of what is above it in the map:
/// each pixel has the highest value at which it lies in such a piece. Pieces hang together by faces. A slice or volume
/// of fewer pixels has its lowest value everywhere.
///
/// shapes  one channel → the same size
/// throws  std::invalid_argument: more than one channel, a value that is not a number, 2^31 pixels or more
/// cost    n · log n
/// source  Vincent, Grayscale area openings and closings, their efficient implementation and applications. EURASIP
///         Workshop on Mathematical Morphology, 1993
inline image<float> area_opening(image<float> const& from, std::int64_t least, across space = across::slices) {
  extent const size = from.size;
  if (from.channels != 1)
    throw std::invalid_argument("area_opening: the map has " + std::to_string(from.channels) +
                                " channels; give one alone.");
  if (size.volume() > std::numeric_limits<std::int32_t>::max())
    throw std::invalid_argument("area_opening: a map of " + size_text(size) +
                                " has more than 2^31 - 1 pixels; cut it into parts.");
  for (std::size_t i = 0; i < from.data.size(); ++i)
    if (std::isnan(from.data[i]))
      throw std::invalid_argument("area_opening: the value at " + place_text(size, static_cast<std::int64_t>(i)) +
                                  " is not a number.");
  least = std::min(least, space == across::slices ? std::int64_t{size.height} * size.width : size.volume());

  std::vector<std::int32_t> order(from.data.size());
  std::iota(order.begin(), order.end(), 0);
  auto const value = [&](std::int32_t i) { return from.data[static_cast<std::size_t>(i)]; };
  std::ranges::stable_sort(order, [&](std::int32_t a, std::int32_t b) { return value(a) > value(b); });

  // Pixels come in from the highest on and join those beside them. Those of a piece that is still too small wait in a
  // chain; the pixel with which it is large enough says how high all of them are.
  constexpr std::int32_t none = -1;
  struct piece { std::int64_t pixels; std::int32_t first, last; };  // first: none where nobody waits
  detail::disjoint_sets sets;
  std::vector<piece> pieces;
  for (std::size_t i = 0; i < order.size(); ++i) {
    auto const set = sets.add();
    pieces.push_back({1, set, set});
  }
  auto const of = [&](std::int32_t set) -> piece& { return pieces[static_cast<std::size_t>(set)]; };
  std::vector<std::int32_t> next(order.size(), none);
  std::vector<bool> here(order.size(), false);
  neighbourhood const steps(neighbours::faces, space);
  image<float> made(size);
  for (std::int32_t const i : order) {
    here[static_cast<std::size_t>(i)] = true;
    for_each_neighbour(size, steps, i, [&](std::int64_t q) {
      if (!here[static_cast<std::size_t>(q)]) return;
      std::int32_t const a = sets.find(i), b = sets.find(static_cast<std::int32_t>(q));
      if (a == b) return;
      sets.merge(a, b);
      piece both = of(a);  // i waits in it
      piece const other = of(b);
      both.pixels += other.pixels;
      if (other.first != none) {
        next[static_cast<std::size_t>(both.last)] = other.first;
        both.last = other.last;
      }
      of(sets.find(a)) = both;
    });
    piece& own = of(sets.find(i));
    if (own.pixels < least) continue;
    for (std::int32_t p = own.first; p != none; p = next[static_cast<std::size_t>(p)])
      made.data[static_cast<std::size_t>(p)] = value(i);
    own.first = none;
  }
  return made;
}

}  // namespace oxbow
