// The plan of a tissue: which pixel belongs to which cell, and which are membrane.
#pragma once
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "fields.hpp"

namespace support {

using oxbow::instance_image;

struct tissue {
  instance_image instances;  ///< 4-connected cells from 1 on, 0 is membrane
  image<float> depth;        ///< pixels from a place in a cell to the membrane; 0 on it
  image<float> to_border;    ///< pixels to the line where two cells would meet, in the middle of the membrane
  std::int32_t cells = 0;
};

namespace detail {

/// Points scattered one per lattice square; the nearest one decides where a pixel belongs.
class scatter {
 public:
  explicit scatter(oxbow::random_stream const& random) {
    for (std::size_t i = 0; i < table_.size(); ++i) table_[i] = random.uniform(i);
  }

  /// Lattice square of the point nearest to (v, u), in units of the lattice. `salt` gives other points.
  std::pair<int, int> nearest(float v, float u, std::uint32_t salt) const {
    int const row = static_cast<int>(std::floor(v)), column = static_cast<int>(std::floor(u));
    float best = 1e9f;
    std::pair<int, int> found{row, column};
    for (int j = row - 2; j <= row + 2; ++j)
      for (int i = column - 2; i <= column + 2; ++i) {
        float const dv = static_cast<float>(j) + 0.1f + 0.8f * chance(j, i, salt, 0) - v;
        float const du = static_cast<float>(i) + 0.1f + 0.8f * chance(j, i, salt, 1) - u;
        // Points differ in reach, so that cells differ in size.
        float const d = dv * dv + du * du - 0.35f * chance(j, i, salt, 2);
        if (d < best) best = d, found = {j, i};
      }
    return found;
  }

  float chance(int j, int i, std::uint32_t salt, std::uint32_t which) const {
    std::uint32_t h = static_cast<std::uint32_t>(j) * 0x9E3779B1u ^ static_cast<std::uint32_t>(i) * 0x85EBCA77u ^
                      salt * 0xC2B2AE3Du ^ which * 0x27D4EB2Fu;
    h = (h ^ h >> 15) * 0x2C1B3C6Du;
    return table_[(h ^ h >> 13) & (table_.size() - 1)];
  }

 private:
  std::array<float, 4096> table_;
};

/// A number per pixel, equal within a cell. Districts of 110 pixels are one big cell, some long middling ones
/// side by side, or many small ones.
template <class Random> image<std::uint32_t> districts(extent size, Random const& random) {
  scatter const points(random(1));
  noise_field const bend_y(size, 60, random(2)), bend_x(size, 60, random(3));
  noise_field const ripple_y(size, 18, random(4)), ripple_x(size, 18, random(5));
  image<std::uint32_t> cell(size);
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x) {
      float const v = static_cast<float>(y) + 13 * bend_y(y, x) + 3.5f * ripple_y(y, x);
      float const u = static_cast<float>(x) + 13 * bend_x(y, x) + 3.5f * ripple_x(y, x);
      auto const [row, column] = points.nearest(v / 110, u / 110, 0);
      auto const district = static_cast<std::uint32_t>(row + 8) * 4096u + static_cast<std::uint32_t>(column + 8);
      float const kind = points.chance(row, column, 0, 3);
      std::uint32_t within = 0;
      if (kind > 0.3f) {
        float const spacing = kind > 0.78f ? 34.f : 54.f, stretch = 1 + 0.9f * points.chance(row, column, 0, 4);
        float const angle = 3.1416f * points.chance(row, column, 0, 5), c = std::cos(angle), s = std::sin(angle);
        auto const [j, i] =
            points.nearest((c * v - s * u) * stretch / spacing, (s * v + c * u) / (stretch * spacing), district);
        within = static_cast<std::uint32_t>(j) * 0x9E3779B1u ^ static_cast<std::uint32_t>(i) * 0x85EBCA77u;
      }
      cell(y, x) = district * 0xC2B2AE3Du ^ within;
    }
  return cell;
}

/// Numbers the 4-connected parts in which inside(y, x) holds from 1 on, in row-major order; parts below `least` pixels
/// are left out.
template <class Inside>
std::int32_t number_parts(extent size, std::size_t least, Inside inside, instance_image& numbers) {
  numbers = instance_image(size, 1, -1);  // −1: not visited
  std::int32_t parts = 0;
  std::vector<std::pair<int, int>> part;
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x) {
      if (numbers(y, x) != -1) continue;
      if (!inside(y, x)) {
        numbers(y, x) = 0;
        continue;
      }
      part.assign(1, {y, x});
      numbers(y, x) = parts + 1;
      for (std::size_t next = 0; next < part.size(); ++next) {
        auto const [py, px] = part[next];
        for (auto const& [qy, qx] : {std::pair{py - 1, px}, {py + 1, px}, {py, px - 1}, {py, px + 1}})
          if (size.contains(0, qy, qx) && numbers(qy, qx) == -1 && inside(qy, qx)) {
            numbers(qy, qx) = parts + 1;
            part.emplace_back(qy, qx);
          }
      }
      if (part.size() >= least) ++parts;
      else
        for (auto const& [py, px] : part) numbers(py, px) = 0;
    }
  return parts;
}

}  // namespace detail

/// Lays out cells and their membranes. random(n) is the picture's n-th stream of random numbers.
template <class Random> tissue grow_tissue(extent size, Random const& random) {
  auto const cell = detail::districts(size, random);
  tissue grown;
  grown.to_border = distance_to(size, [&](int y, int x) {
    return (x + 1 < size.width && cell(y, x) != cell(y, x + 1)) ||
           (y + 1 < size.height && cell(y, x) != cell(y + 1, x));
  });
  // Cells are what a disc covers that rolls inside the membranes: corners become round, and slivers membrane.
  constexpr float disc = 3.2f;
  noise_field const thickness(size, 35, random(6));
  image<float> const to_core =
      distance_to(size, [&](int y, int x) { return grown.to_border(y, x) > disc + 1.9f + 0.5f * thickness(y, x); });
  grown.cells = detail::number_parts(
      size, 30, [&](int y, int x) { return to_core(y, x) <= disc; }, grown.instances);
  grown.depth = distance_to(size, [&](int y, int x) { return grown.instances(y, x) == 0; });
  return grown;
}

}  // namespace support
