// Connected components: which pixels hang together.
#pragma once
#include <array>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/wording.hpp>

namespace oxbow {

/// Which pixels are neighbours: those that share a face (4 in an image, 6 in a volume), or a corner too (8, 26).
enum class neighbours { faces, corners };

/// Where objects lie beside each other: within each slice of a stack alone, or in a volume.
enum class across { slices, volume };

/// Steps to the neighbours of a pixel that come before it in row-major order; those after it are the opposites.
class neighbourhood {
 public:
  struct step { int z, y, x; };

  constexpr neighbourhood(neighbours which, across space) {
    for (int z = space == across::volume ? -1 : 0; z <= 0; ++z)
      for (int y = -1; y <= (z < 0 ? 1 : 0); ++y)
        for (int x = -1; x <= 1; ++x) {
          bool const before = z < 0 || y < 0 || (y == 0 && x < 0);
          int const apart = (z != 0) + (y != 0) + (x != 0);
          if (before && (which == neighbours::corners || apart == 1)) steps_[count_++] = {z, y, x};
        }
  }
  constexpr step const* begin() const { return steps_.data(); }
  constexpr step const* end() const { return steps_.data() + count_; }

 private:
  std::array<step, 13> steps_{};
  std::size_t count_ = 0;
};

/// f(index) for each neighbour of pixel `index` that lies in the image.
template <class F> void for_each_neighbour(extent size, neighbourhood const& steps, std::int64_t index, F&& f) {
  std::int64_t const plane = std::int64_t{size.height} * size.width;
  int const z = static_cast<int>(index / plane), y = static_cast<int>(index % plane / size.width),
            x = static_cast<int>(index % size.width);
  for (auto const& s : steps)
    for (int const sign : {1, -1}) {
      int const nz = z + sign * s.z, ny = y + sign * s.y, nx = x + sign * s.x;
      if (size.contains(nz, ny, nx)) f(size.index(nz, ny, nx));
    }
}

/// Objects and how many they are.
struct components {
  instance_image objects;  ///< 1 … count, in the row-major order of their first pixels; 0 is background
  std::int32_t count = 0;
};

namespace detail {

/// Sets that merge; the smallest member names its set.
class disjoint_sets {
 public:
  std::int32_t add() {
    parent_.push_back(static_cast<std::int32_t>(parent_.size()));
    return parent_.back();
  }
  std::int32_t find(std::int32_t i) {
    while (at(i) != i) i = at(i) = at(at(i));
    return i;
  }
  void merge(std::int32_t a, std::int32_t b) {
    a = find(a), b = find(b);
    if (a < b) at(b) = a;
    else at(a) = b;
  }
  std::int32_t size() const { return static_cast<std::int32_t>(parent_.size()); }

 private:
  std::int32_t& at(std::int32_t i) { return parent_[static_cast<std::size_t>(i)]; }
  std::vector<std::int32_t> parent_;
};

}  // namespace detail

/// Components of the pixels for which kind(index) is not 0; neighbours hang together where their kinds are equal.
/// needs  kind: row-major index of a pixel → int
/// cost   two passes; close to linear
template <class Kind>
components components_of(extent size, Kind const& kind, neighbours which = neighbours::faces,
                         across space = across::slices) {
  if (size.volume() > std::numeric_limits<std::int32_t>::max())
    throw std::invalid_argument("components_of: an image of " + size_text(size) +
                                " may hold more objects than 2^31 - 1; cut it into parts.");
  components made{instance_image(size)};
  detail::disjoint_sets sets;
  sets.add();  // background
  neighbourhood const steps(which, space);
  std::int64_t i = 0;
  for (int z = 0; z < size.depth; ++z)
    for (int y = 0; y < size.height; ++y)
      for (int x = 0; x < size.width; ++x, ++i) {
        auto const here = kind(i);
        if (here == 0) continue;
        std::int32_t own = 0;
        for (auto const& s : steps) {
          if (!size.contains(z + s.z, y + s.y, x + s.x)) continue;
          std::int64_t const j = size.index(z + s.z, y + s.y, x + s.x);
          std::int32_t const other = made.objects.data[static_cast<std::size_t>(j)];
          if (other == 0 || kind(j) != here) continue;
          if (own == 0) own = other;
          else sets.merge(own, other);
        }
        made.objects.data[static_cast<std::size_t>(i)] = own != 0 ? own : sets.add();
      }
  std::vector<std::int32_t> number(static_cast<std::size_t>(sets.size()), 0);
  for (std::int32_t s = 1; s < sets.size(); ++s) {
    std::int32_t const first = sets.find(s);
    number[static_cast<std::size_t>(s)] = first == s ? ++made.count : number[static_cast<std::size_t>(first)];
  }
  for (auto& o : made.objects.data) o = number[static_cast<std::size_t>(o)];
  return made;
}

/// Components of equal classes, but for class `background` and ignored pixels.
inline components components_of(label_image const& labels, neighbours which = neighbours::faces,
                                across space = across::slices, std::uint8_t background = 0) {
  return components_of(
      labels.size,
      [&](std::int64_t i) {
        std::uint8_t const c = labels.data[static_cast<std::size_t>(i)];
        return c == background || c == ignored ? 0 : c + 1;
      },
      which, space);
}

/// Components of equal numbers: parts of an object that lie apart become objects of their own.
inline components components_of(instance_image const& objects, neighbours which = neighbours::corners,
                                across space = across::slices) {
  return components_of(
      objects.size, [&](std::int64_t i) { return objects.data[static_cast<std::size_t>(i)]; }, which, space);
}

/// Leaves out the objects of fewer pixels than `least`, and numbers the others without gaps, in their order.
inline components without_specks(components from, std::int64_t least) {
  std::vector<std::int64_t> pixels(static_cast<std::size_t>(from.count) + 1, 0);
  for (std::int32_t const o : from.objects.data) ++pixels[static_cast<std::size_t>(o)];
  std::vector<std::int32_t> number(pixels.size(), 0);
  std::int32_t count = 0;
  for (std::size_t o = 1; o < pixels.size(); ++o)
    if (pixels[o] >= least && pixels[o] > 0) number[o] = ++count;
  for (auto& o : from.objects.data) o = number[static_cast<std::size_t>(o)];
  from.count = count;
  return from;
}

}  // namespace oxbow
