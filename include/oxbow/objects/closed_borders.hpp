// Borders that close: each as sure as all of its pixels together, instead of as its weakest.
#pragma once
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <queue>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/wording.hpp>
#include <oxbow/objects/components.hpp>
#include <oxbow/objects/find_objects.hpp>

namespace oxbow {

namespace detail {

/// f(pixel, pixel) for each two that share a face.
template <class F> void for_each_face(extent size, across space, F&& f) {
  neighbourhood const steps(neighbours::faces, space);
  std::int64_t i = 0;
  for (int z = 0; z < size.depth; ++z)
    for (int y = 0; y < size.height; ++y)
      for (int x = 0; x < size.width; ++x, ++i)
        for (auto const& s : steps)
          if (size.contains(z + s.z, y + s.y, x + s.x)) f(size.index(z + s.z, y + s.y, x + s.x), i);
}

/// The tops of a map: pixels of one height that hang together by faces, with nothing higher beside them.
inline instance_image tops_of(image<float> const& height, across space) {
  extent const size = height.size;
  auto const at = [&](std::int64_t i) { return height.data[static_cast<std::size_t>(i)]; };
  auto plateaus = components_of(
      size, [&](std::int64_t i) { return std::bit_cast<std::int32_t>(at(i)); }, neighbours::faces, space);
  std::vector<bool> top(static_cast<std::size_t>(plateaus.count) + 1, true);
  auto const plateau = [&](std::int64_t i) { return plateaus.objects.data[static_cast<std::size_t>(i)]; };
  for_each_face(size, space, [&](std::int64_t i, std::int64_t j) {
    if (at(i) < at(j)) top[static_cast<std::size_t>(plateau(i))] = false;
    if (at(j) < at(i)) top[static_cast<std::size_t>(plateau(j))] = false;
  });
  for (auto& o : plateaus.objects.data)
    if (!top[static_cast<std::size_t>(o)]) o = 0;
  return plateaus.objects;
}

/// Regions that join, the faintest border first.
class joining_regions {
 public:
  joining_regions(instance_image const& regions, image<float> const& interior, across space) : interior_{interior} {
    for (std::size_t i = 0; i < regions.data.size(); ++i) {
      auto const r = static_cast<std::size_t>(regions.data[i]);
      if (r >= regions_.size()) regions_.resize(r + 1);
      regions_[r].inside.add(static_cast<double>(interior.data[i]));
    }
    for_each_face(regions.size, space, [&](std::int64_t i, std::int64_t j) {
      std::int32_t const a = regions.data[static_cast<std::size_t>(i)], b = regions.data[static_cast<std::size_t>(j)];
      if (a == b) return;
      std::int64_t const darker = at(j) < at(i) ? j : i;
      auto const face = static_cast<std::int32_t>(faces_.size());
      faces_.push_back({darker, none});
      border const one{{static_cast<double>(at(darker)), 1}, face, face};
      for (auto const& [from, to] : {std::pair{a, b}, std::pair{b, a}})
        if (auto const [found, fresh] = of(from).borders.try_emplace(to, one); !fresh) {
          // Both sides hold the same chain of faces: it is lengthened once.
          if (from == a) faces_[static_cast<std::size_t>(found->second.last)].next = face;
          found->second.last = face, found->second.along.add(one.along);
        }
    });
    for (std::int32_t a = 0; a < static_cast<std::int32_t>(regions_.size()); ++a) offer(a);
  }

  /// f(the darker pixel of a face, level) for every face, where the regions on both sides of it have become one.
  /// Levels fall from one joining to the next, or stay.
  template <class F> void run(F&& f) {
    float level = 1;
    while (!open_.empty()) {
      joining const next = open_.top();
      open_.pop();
      if (next.age != of(next.region).age) continue;
      if (next.other_age != of(next.other).age) {
        offer(next.region);
        continue;
      }
      level = std::min(level, static_cast<float>(next.ratio));
      std::int32_t a = std::min(next.region, next.other), b = std::max(next.region, next.other);
      if (of(a).borders.size() < of(b).borders.size()) std::swap(a, b);
      for (std::int32_t face = of(a).borders.at(b).first; face != none;) {
        auto const& here = faces_[static_cast<std::size_t>(face)];
        f(here.darker, level);
        face = here.next;
      }
      join(a, b);
    }
  }

 private:
  static constexpr std::int32_t none = -1;

  struct mean {
    double sum = 0;
    std::int64_t count = 0;
    void add(double v) { sum += v, ++count; }
    void add(mean const& o) { sum += o.sum, count += o.count; }
    double value() const { return sum / static_cast<double>(count); }
  };
  struct face {
    std::int64_t darker;  ///< the pixel of the two that is less inside
    std::int32_t next;    ///< of the same border
  };
  struct border {
    mean along;
    std::int32_t first, last;  ///< faces
  };
  struct region {
    mean inside;
    std::map<std::int32_t, border> borders;  ///< to each region beside it
    std::int32_t age = 0;                    ///< what was offered when it was younger counts no more
  };
  /// A region and the one beside it that it joins first; of equals, the pair of the smallest numbers.
  struct joining {
    double ratio;
    std::int32_t region, other, age, other_age;
    bool operator<(joining const& o) const {
      auto const mine = std::minmax(region, other), its = std::minmax(o.region, o.other);
      return std::tie(ratio, its) < std::tie(o.ratio, mine);
    }
  };

  float at(std::int64_t i) const { return interior_.data[static_cast<std::size_t>(i)]; }
  region& of(std::int32_t r) { return regions_[static_cast<std::size_t>(r)]; }

  /// Each region has one offer that counts. It names no less than the best pair that the region is in, as it was then;
  /// whoever has changed since has offered anew, and that covers the pairs that changed.
  void offer(std::int32_t a) {
    joining best{};
    for (auto const& [b, shared] : of(a).borders) {
      double const fainter = std::min(of(a).inside.value(), of(b).inside.value());
      joining const one{fainter > 0 ? shared.along.value() / fainter : 1, a, b, of(a).age, of(b).age};
      if (b == of(a).borders.begin()->first || best < one) best = one;
    }
    if (!of(a).borders.empty()) open_.push(best);
  }

  void join(std::int32_t a, std::int32_t b) {
    of(a).borders.erase(b), of(b).borders.erase(a);
    for (auto const& [c, gained] : of(b).borders) {
      of(c).borders.erase(b);
      auto const [found, fresh] = of(a).borders.try_emplace(c, gained);
      if (!fresh) {
        border& own = found->second;
        faces_[static_cast<std::size_t>(own.last)].next = gained.first;
        own.last = gained.last, own.along.add(gained.along);
      }
      of(c).borders.insert_or_assign(a, found->second);
    }
    of(a).inside.add(of(b).inside);
    of(b).borders.clear();
    ++of(a).age, ++of(b).age;
    offer(a);
  }

  image<float> const& interior_;
  std::vector<region> regions_;
  std::vector<face> faces_;
  std::priority_queue<joining> open_;
};

}  // namespace detail

/// A map whose every threshold is a segmentation without gaps. Regions are what flows up to one top of the probability
/// of being inside. Two that touch become one at the ratio of the mean along their whole border to the mean of the
/// fainter of them, the highest ratio first; what joined has borders and a mean of its own. In the result a line,
/// one pixel wide, keeps two regions apart at thresholds from their ratio on; all else is 1. What is above a threshold
/// hangs together, by faces, only within a region of that level, and regions of higher thresholds lie within them.
///
/// shapes  interior: one channel → the same size
/// throws  std::invalid_argument: more than one channel, a value that is not between 0 and 1
/// cost    the watershed's n · log n; then for each of the regions, a few thousand in a clear map of 512², the
///         neighbours that it has when it joins: in a noisy map, with as many regions as grains, some have many
/// source  Arbelaez, Boundary extraction in natural images using ultrametric contour maps. POCV 2006
inline image<float> closed_borders(image<float> const& interior, across space = across::slices) {
  if (interior.channels != 1)
    throw std::invalid_argument("closed_borders: the probabilities have " + std::to_string(interior.channels) +
                                " channels; give those of one class alone.");
  for (std::size_t i = 0; i < interior.data.size(); ++i)
    if (!(interior.data[i] >= 0 && interior.data[i] <= 1))
      throw std::invalid_argument("closed_borders: the value at " +
                                  place_text(interior.size, static_cast<std::int64_t>(i)) + " is " +
                                  std::to_string(interior.data[i]) + "; probabilities are between 0 and 1.");
  instance_image const regions = watershed(detail::tops_of(interior, space), interior, -1, space);
  image<float> made(interior.size);
  std::fill(made.data.begin(), made.data.end(), 1.f);
  detail::joining_regions(regions, interior, space).run([&](std::int64_t pixel, float level) {
    float& m = made.data[static_cast<std::size_t>(pixel)];
    m = std::min(m, level);
  });
  return made;
}

}  // namespace oxbow
