// How far each pixel is from the two nearest objects.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/serial.hpp>

namespace oxbow {

/// Distance between the centres of neighbouring pixels along each axis. The paper's images are slices of their own:
/// an infinite distance along depth.
struct pixel_spacing {
  double z = std::numeric_limits<double>::infinity(), y = 1, x = 1;
};

/// Squared Euclidean distances from each pixel to the centres of the nearest pixels of two different objects, and which
/// objects those are. An object that there is not has number 0 and lies infinitely far away.
struct nearest_objects {
  struct one {
    double squared = std::numeric_limits<double>::infinity();
    std::int32_t object = 0;
  };
  struct two { one first, second; };

  extent size{0, 0, 0};
  std::vector<two> at;  ///< row-major
};

namespace detail {

/// Along one line of pixels: from the two nearest objects of each, counting what lies on it across the line alone, to
/// the two nearest of all. An object that is among the two nearest of a pixel is among the two nearest, across, of
/// the place on the line by which it is reached, so two are enough to hand on.
///
/// The nearest: the lower envelope of a parabola per place. The second: the nearest whose number differs from
/// the first's in some bit, so two envelopes for each bit of the line's numbers.
/// source  Felzenszwalb and Huttenlocher, Distance transforms of sampled functions. Theory of Computing 8, 2012
class two_nearest_on_line {
 public:
  using one = nearest_objects::one;
  using two = nearest_objects::two;

  void operator()(two* line, std::int64_t stride, int length, double spacing) {
    length_ = length, unit_ = spacing * spacing;
    read(line, stride);
    if (numbers_.empty()) return;
    fill(best_, [](std::int32_t) { return true; });
    second_.assign(static_cast<std::size_t>(length), one{});
    for (std::size_t bit = 0; ((numbers_.size() - 1) >> bit) != 0; ++bit)
      for (int value = 0; value < 2; ++value) {
        auto const wanted = [&](std::int32_t n) { return (n >> bit & 1) == value; };
        fill(part_, wanted);
        for (std::size_t i = 0; i < part_.size(); ++i)
          if (!wanted(best_[i].object) && part_[i].squared < second_[i].squared) second_[i] = part_[i];
      }
    for (int i = 0; i < length; ++i) line[i * stride] = {named(best_[at(i)]), named(second_[at(i)])};
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  one named(one o) const {
    return std::isinf(o.squared) ? one{} : one{o.squared, numbers_[static_cast<std::size_t>(o.object)]};
  }

  /// A parabola: its object, numbered within the line from 0, lies `squared` off at `place`.
  struct parabola {
    double squared;
    int place;
    std::int32_t object;
  };

  void read(two const* line, std::int64_t stride) {
    numbers_.clear(), parabolas_.clear();
    for (int i = 0; i < length_; ++i)
      for (one const& o : {line[i * stride].first, line[i * stride].second})
        if (o.object != 0) parabolas_.push_back({o.squared, i, o.object}), numbers_.push_back(o.object);
    std::sort(numbers_.begin(), numbers_.end());
    numbers_.erase(std::unique(numbers_.begin(), numbers_.end()), numbers_.end());
    for (parabola& p : parabolas_)
      p.object = static_cast<std::int32_t>(std::lower_bound(numbers_.begin(), numbers_.end(), p.object) -
                                           numbers_.begin());
  }

  /// result[i] = the lowest of the wanted parabolas at i.
  template <class Wanted> void fill(std::vector<one>& result, Wanted const& wanted) {
    hull_.clear(), from_.clear();
    for (parabola const& p : parabolas_) {
      if (!wanted(p.object)) continue;
      double begin = -std::numeric_limits<double>::infinity();
      bool below = true;
      while (!hull_.empty()) {
        parabola const& q = hull_.back();
        if (q.place == p.place) {
          below = p.squared < q.squared;
          if (!below) break;
        } else {
          // Where p comes to lie below q, which stands to its left.
          begin = ((p.squared - q.squared) / unit_ / (p.place - q.place) + p.place + q.place) / 2;
          if (begin > from_.back()) break;
        }
        hull_.pop_back(), from_.pop_back();
        begin = -std::numeric_limits<double>::infinity();
      }
      if (below) hull_.push_back(p), from_.push_back(begin);
    }
    result.assign(at(length_), one{});
    if (hull_.empty()) return;
    std::size_t k = 0;
    for (int i = 0; i < length_; ++i) {
      while (k + 1 < hull_.size() && from_[k + 1] <= i) ++k;
      double const d = i - hull_[k].place;
      result[at(i)] = {hull_[k].squared + d * d * unit_, hull_[k].object};
    }
  }

  int length_ = 0;
  double unit_ = 1;
  std::vector<std::int32_t> numbers_;  ///< the objects of the line, sorted
  std::vector<parabola> parabolas_, hull_;
  std::vector<double> from_;
  std::vector<one> best_, second_, part_;
};

}  // namespace detail

/// The two nearest objects of every pixel, exactly: a pass along each axis. For whole spacings squared distances are
/// whole numbers without rounding.
///
/// needs   object numbers from 0 (background) up
/// cost    pixels × (1 + 2·log2(objects met by a line)) per axis; 32 bytes a pixel
template <class ForEach = serial_for>
nearest_objects find_nearest_objects(instance_image const& objects, pixel_spacing spacing = {},
                                     ForEach&& for_each = {}) {
  double const along[3] = {spacing.z, spacing.y, spacing.x};
  for (double const s : along)
    if (!(s > 0)) throw std::invalid_argument("find_nearest_objects: a spacing of pixels must be above 0.");
  extent const size = objects.size;
  nearest_objects made{size, std::vector<nearest_objects::two>(objects.data.size())};
  for (std::size_t i = 0; i < objects.data.size(); ++i)
    if (objects.data[i] != 0) made.at[i].first = {0, objects.data[i]};
  for (int axis = 2; axis >= 0; --axis) {
    if (std::isinf(along[axis]) || size[axis] == 1) continue;
    std::int64_t const stride = axis == 2 ? 1 : axis == 1 ? size.width : std::int64_t{size.height} * size.width;
    std::int64_t const lines = size[axis] == 0 ? 0 : size.volume() / size[axis];
    // Some lines at a time, so that each piece of work reuses its memory.
    constexpr std::int64_t bundle = 16;
    for_each((lines + bundle - 1) / bundle, [&](std::int64_t piece) {
      detail::two_nearest_on_line transform;
      for (std::int64_t l = piece * bundle; l < std::min(lines, (piece + 1) * bundle); ++l) {
        std::int64_t const first = l / stride * stride * size[axis] + l % stride;
        transform(made.at.data() + first, stride, size[axis], along[axis]);
      }
    });
  }
  return made;
}

}  // namespace oxbow
