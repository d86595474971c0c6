// What lies inside cells: mitochondria, vesicles, microtubules and granules.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "fields.hpp"
#include "tissue.hpp"

namespace support {

namespace detail {

/// Calls at(y, x, dy, dx) for the pixels of one cell within `reach` of a place.
template <class At> void around(tissue const& cells, std::int32_t cell, float y, float x, float reach, At at) {
  extent const size = cells.instances.size;
  int const bottom = std::min(size.height - 1, static_cast<int>(y + reach));
  int const right = std::min(size.width - 1, static_cast<int>(x + reach));
  for (int j = std::max(0, static_cast<int>(y - reach)); j <= bottom; ++j)
    for (int i = std::max(0, static_cast<int>(x - reach)); i <= right; ++i)
      if (cells.instances(j, i) == cell) at(j, i, static_cast<float>(j) - y, static_cast<float>(i) - x);
}

/// Calls visit(y, x, cell, depth, dice) for one random place per square of a lattice, where it lies in a cell;
/// dice(k) are the place's own random numbers in 0 … 1.
template <class Visit>
void each_place(tissue const& cells, int spacing, oxbow::random_stream const& random, Visit visit) {
  extent const size = cells.instances.size;
  std::uint64_t place = 0;
  for (int row = 0; row < size.height; row += spacing)
    for (int column = 0; column < size.width; column += spacing, ++place) {
      auto const dice = [&](std::uint64_t k) { return random.uniform(16 * place + k); };
      float const y = static_cast<float>(row) + dice(0) * static_cast<float>(spacing);
      float const x = static_cast<float>(column) + dice(1) * static_cast<float>(spacing);
      int const j = static_cast<int>(y), i = static_cast<int>(x);
      if (j >= size.height || i >= size.width || cells.instances(j, i) == 0) continue;
      visit(y, x, cells.instances(j, i), cells.depth(j, i), dice);
    }
}

inline void ink(float& grey, float dark, float strength) { grey += std::clamp(strength, 0.f, 1.f) * (dark - grey); }

/// 1 on a line, falling off within `width` pixels beside it.
inline float line(float distance, float width) { return std::exp(-0.5f * distance * distance / (width * width)); }

}  // namespace detail

/// Draws into the cells. `crowd` scales how many there are of each kind.
template <class Random>
void paint_organelles(image<float>& grey, tissue const& cells, Random const& random, float crowd) {
  using detail::ink, detail::line;
  oxbow::random_stream const habits = random(10);
  auto const habit = [&](std::int32_t cell, std::uint64_t k) {
    return habits.uniform(4 * static_cast<std::uint64_t>(cell) + k);
  };

  // Granules: dots, in some cells many.
  detail::each_place(cells, 5, random(11), [&](float y, float x, std::int32_t cell, float, auto const& dice) {
    if (dice(2) > crowd * 0.5f * habit(cell, 0) * habit(cell, 0)) return;
    float const radius = 0.7f + 0.7f * dice(3), strength = 0.25f + 0.4f * dice(4);
    detail::around(cells, cell, y, x, 4, [&](int j, int i, float dy, float dx) {
      ink(grey(j, i), 0.25f, strength * line(std::hypot(dy, dx), radius));
    });
  });

  // Microtubules: thin lines that run with each other in a cell.
  detail::each_place(cells, 14, random(12), [&](float y, float x, std::int32_t cell, float depth, auto const& dice) {
    if (depth < 5 || habit(cell, 1) < 0.45f || dice(2) > crowd * 0.5f) return;
    float const angle = 3.1416f * habit(cell, 2) + 0.25f * (dice(3) - 0.5f), c = std::cos(angle), s = std::sin(angle);
    float const half = 6 + 14 * dice(4), bend = 0.012f * (dice(5) - 0.5f);
    detail::around(cells, cell, y, x, half, [&](int j, int i, float dy, float dx) {
      float const along = c * dx + s * dy, across = c * dy - s * dx - bend * along * along;
      if (std::abs(along) < half) ink(grey(j, i), 0.3f, 0.4f * line(across, 0.8f));
    });
  });

  // Vesicles: small rings, in crowds; their walls are as dark as membranes.
  detail::each_place(cells, 9, random(13), [&](float y, float x, std::int32_t cell, float depth, auto const& dice) {
    if (depth < 6 || dice(2) > crowd * 0.75f * habit(cell, 3) * habit(cell, 3)) return;
    float const radius = std::min(1.8f + 2.4f * dice(3) * dice(3), depth - 3), strength = 0.35f + 0.5f * dice(4);
    bool const filled = dice(5) < 0.25f;
    detail::around(cells, cell, y, x, radius + 4, [&](int j, int i, float dy, float dx) {
      float const r = std::hypot(dy, dx * (0.85f + 0.3f * dice(6)));
      if (r < radius) ink(grey(j, i), filled ? 0.35f : 0.68f, 0.6f);
      ink(grey(j, i), 0.24f, strength * line(r - radius, 0.9f));
    });
  });

  // Large vacuoles: bright, with a wall like a cell's own membrane.
  detail::each_place(cells, 48, random(14), [&](float y, float x, std::int32_t cell, float depth, auto const& dice) {
    if (depth < 14 || dice(2) > crowd * 0.35f) return;
    float const radius = std::min(5 + 9 * dice(3), depth - 6), squash = 0.7f + 0.6f * dice(4);
    detail::around(cells, cell, y, x, 1.5f * radius + 4, [&](int j, int i, float dy, float dx) {
      float const r = std::hypot(dy, dx * squash);
      if (r < radius) ink(grey(j, i), 0.68f, 0.5f);
      ink(grey(j, i), 0.24f, 0.75f * line(r - radius, 1.2f));
    });
  });

  // Mitochondria: dark ellipses with a double wall and folds inside.
  detail::each_place(cells, 40, random(15), [&](float y, float x, std::int32_t cell, float depth, auto const& dice) {
    if (depth < 13 || dice(2) > crowd * 0.5f) return;
    float const minor = std::min(7 + 12 * dice(3), depth - 4),
                major = std::min(minor * (1 + dice(4)), 1.6f * (depth - 3));
    float const angle = 3.1416f * dice(5), c = std::cos(angle), s = std::sin(angle);
    float const period = 4 + 2 * dice(6), phase = 6.28f * dice(7), dark = 0.36f + 0.08f * dice(8);
    detail::around(cells, cell, y, x, major + 4, [&](int j, int i, float dy, float dx) {
      float const along = (c * dx + s * dy) / major, across = (c * dy - s * dx) / minor;
      float const r = std::hypot(along, across), rim = (r - 1) * minor;  // pixels from the wall, about
      if (rim > 4) return;
      float const fold = std::sin(6.28f * (along * major + 2.5f * std::sin(3 * across + phase)) / period + phase);
      if (r < 1) ink(grey(j, i), dark + 0.07f * fold, 0.9f);
      ink(grey(j, i), 0.2f, 0.8f * line(rim, 1.1f));
      ink(grey(j, i), 0.64f, 0.7f * line(rim - 3, 1));  // a bright seam around it
    });
  });
}

}  // namespace support
