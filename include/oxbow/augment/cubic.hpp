// Cubic interpolation along one axis.
#pragma once
#include <cmath>

#include <oxbow/core/lanes.hpp>
#include <oxbow/core/portable.hpp>

namespace oxbow {

/// Weights of the values at −1, 0, 1 and 2 for a place `t` in [0, 1) between those at 0 and 1: the cubic convolution
/// kernel with a = −1/2, which passes through the values and reproduces quadratics.
/// source  Keys, Cubic convolution interpolation for digital image processing. IEEE TASSP 29, 1981, equation 15
struct cubic_weights {
  float weight[4];

  explicit constexpr OXBOW_DEVICE cubic_weights(float t)
      : weight{((-0.5f * t + 1.f) * t - 0.5f) * t, (1.5f * t - 2.5f) * t * t + 1.f, ((-1.5f * t + 2.f) * t + 0.5f) * t,
               (0.5f * t - 0.5f) * t * t} {}
};

namespace detail {

/// The same kernel as a function of the distance.
inline OXBOW_DEVICE float cubic_kernel(float distance) {
  float const d = std::fabs(distance), past = d - 1, left = 2 - d;
  float const near = 1 + d * d * (1.5f * d - 2.5f), far = -0.5f * past * left * left;
  return d < 1 ? near : d < 2 ? far : 0.f;
}

}  // namespace detail

/// What node `node` of a coarse grid, 0 … nodes − 1, weighs at some places between the first and the last of them. A
/// node beyond the grid continues it in a straight line, 2·a − b, and its weight is handed to a and b; so a field that
/// is linear in the nodes comes out linear up to the border. Every node is asked at every place: of so few most weigh
/// something, and no place takes another way than its neighbours.
template <int Count>
OXBOW_DEVICE lanes<float, Count> node_weights(int node, int nodes, lanes<float, Count> place) {
  auto weight = lanes_of<Count>(1.f);
  if (nodes == 1) return weight;
  auto const kernel_at = [&](int other) {
    lanes<float, Count> made;
    for (int i = 0; i < Count; ++i) made[i] = detail::cubic_kernel(place[i] - static_cast<float>(other));
    return made;
  };
  weight = kernel_at(node);
  auto const hand_over = [&](float times, int beyond) {
    auto const more = kernel_at(beyond);
    for (int i = 0; i < Count; ++i) weight[i] += times * more[i];
  };
  if (node == 0) hand_over(2, -1);
  if (node == 1) hand_over(-1, -1);
  if (node == nodes - 1) hand_over(2, nodes);
  if (node == nodes - 2) hand_over(-1, nodes);
  return weight;
}

}  // namespace oxbow
