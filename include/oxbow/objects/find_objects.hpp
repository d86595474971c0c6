// From a map of probabilities to objects: threshold, components, and a watershed between those that touch.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <queue>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <oxbow/objects/components.hpp>
#include <oxbow/objects/nearest.hpp>

namespace oxbow {

/// Grows markers over the pixels that `height` makes worth it: highest pixels first, those of one height in the order
/// in which they were reached. Pixels whose height is not above `floor` stay 0, like those that no marker reaches.
///
/// shapes  markers, height: one size; markers: 0 where there is none
/// cost    n · log n
/// source  Meyer, Color image segmentation. IEE Image Processing, 1992: flooding from markers
inline instance_image watershed(instance_image markers, image<float> const& height, float floor,
                                across space = across::slices) {
  if (markers.size != height.size || height.channels != 1)
    throw std::invalid_argument("watershed: the markers measure " + size_text(markers.size) + " and the heights " +
                                size_text(height.size) + "; they must be of one size, with one channel.");
  extent const size = markers.size;
  neighbourhood const steps(neighbours::faces, space);
  struct place {
    float height;
    std::int64_t order, pixel;
    bool operator<(place const& o) const { return std::tie(height, o.order) < std::tie(o.height, order); }
  };
  std::priority_queue<place> open;
  std::int64_t order = 0;
  auto const spread = [&](std::int64_t i) {
    for_each_neighbour(size, steps, i, [&](std::int64_t pixel) {
      auto const q = static_cast<std::size_t>(pixel);
      if (markers.data[q] != 0 || !(height.data[q] > floor)) return;
      markers.data[q] = markers.data[static_cast<std::size_t>(i)];
      open.push({height.data[q], order++, pixel});
    });
  };
  for (std::int64_t i = 0; i < size.volume(); ++i)
    if (markers.data[static_cast<std::size_t>(i)] != 0)
      open.push({std::numeric_limits<float>::infinity(), order++, i});
  while (!open.empty()) {
    std::int64_t const i = open.top().pixel;
    open.pop();
    spread(i);
  }
  return markers;
}

/// How objects are found in the probability of being inside of one.
struct object_search {
  float threshold = 0.5f;     ///< what is above is inside
  float marker = 0.5f;        ///< an object begins where pixels above this hang together; at least the threshold
  float apart = 0;            ///< pixels: parts whose cores, this far from the background, do not hang together are
                              ///< objects of their own; 0: a component is one object
  std::int64_t smallest = 1;  ///< pixels; smaller objects are left out
  neighbours joined = neighbours::faces;
  pixel_spacing spacing = {};  ///< depth infinite: slices are images of their own
};

/// Objects numbered 1 … count. Markers are components of what is above `marker`, parted at their narrow places if
/// `apart` says so; a watershed grows them to the threshold. A component without a core keeps itself as marker.
///
/// throws  std::invalid_argument: more than one channel, a marker below the threshold
/// cost    a component pass; with markers a watershed, with cores a distance transform
inline components find_objects(image<float> const& probability, object_search const& how = {}) {
  if (probability.channels != 1)
    throw std::invalid_argument("find_objects: the probabilities have " + std::to_string(probability.channels) +
                                " channels; give those of one class alone.");
  if (!(how.marker >= how.threshold) || !(how.apart >= 0))
    throw std::invalid_argument("find_objects: the marker's threshold is " + std::to_string(how.marker) +
                                " and apart is " + std::to_string(how.apart) +
                                "; they must be at least the threshold, " + std::to_string(how.threshold) + ", and 0.");
  across const space = std::isinf(how.spacing.z) ? across::slices : across::volume;
  auto const value = [&](std::int64_t i) { return probability.data[static_cast<std::size_t>(i)]; };
  auto const above = [&](float level) {
    return components_of(
        probability.size, [&](std::int64_t i) { return value(i) > level ? 1 : 0; }, how.joined, space);
  };
  if (how.marker == how.threshold && how.apart == 0) return without_specks(above(how.threshold), how.smallest);

  components markers = above(how.marker);
  image<float> depth = probability;
  if (how.apart > 0) {
    // Distance of inner pixels from the background, as that of any pixel from the object "background".
    instance_image outside(probability.size);
    for (std::size_t i = 0; i < outside.data.size(); ++i) outside.data[i] = !(probability.data[i] > how.marker);
    auto const to_border = find_nearest_objects(outside, how.spacing);
    auto const far = [&](std::int64_t i) {
      return std::sqrt(to_border.at[static_cast<std::size_t>(i)].first.squared) > static_cast<double>(how.apart);
    };
    components cores = components_of(
        probability.size, [&](std::int64_t i) { return far(i) ? 1 : 0; }, how.joined, space);
    std::vector<bool> has_core(static_cast<std::size_t>(markers.count) + 1, false);
    for (std::size_t i = 0; i < cores.objects.data.size(); ++i)
      if (cores.objects.data[i] != 0) has_core[static_cast<std::size_t>(markers.objects.data[i])] = true;
    for (std::size_t i = 0; i < cores.objects.data.size(); ++i)
      if (std::int32_t const m = markers.objects.data[i]; m != 0 && !has_core[static_cast<std::size_t>(m)])
        cores.objects.data[i] = cores.count + m;
    markers.objects = std::move(cores.objects);
    // Grown along the distance, so that objects meet at the narrow place, then over what is left below the marker.
    for (std::size_t i = 0; i < depth.data.size(); ++i)
      if (probability.data[i] > how.marker)
        depth.data[i] = 2 + static_cast<float>(std::min(std::sqrt(to_border.at[i].first.squared), 1e6));
  }
  components found{watershed(std::move(markers.objects), depth, how.threshold, space)};
  for (std::int32_t const o : found.objects.data) found.count = std::max(found.count, o);
  return without_specks(std::move(found), std::max<std::int64_t>(1, how.smallest));
}

}  // namespace oxbow
