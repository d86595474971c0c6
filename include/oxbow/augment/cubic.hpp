// Cubic interpolation along one axis.
#pragma once
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

/// The nodes 0 … nodes − 1 of a coarse grid that make the value at a place, which is first brought between the first
/// and the last of them. A node beyond the grid continues it in a straight line, 2·a − b, and its weight
/// is handed to a and b; so a field that is linear in the nodes comes out linear up to the border.
struct node_taps {
  int first = 0, count = 1;
  float weight[4] = {1, 0, 0, 0};

  OXBOW_DEVICE node_taps(float place, int nodes) {
    if (nodes == 1) return;
    float const last = static_cast<float>(nodes - 1);
    place = place > 0 ? (place < last ? place : last) : 0;
    int left = static_cast<int>(place);
    left = left < nodes - 2 ? left : nodes - 2;  // the last node is the end of the last interval
    cubic_weights w(place - static_cast<float>(left));
    if (left == 0) {
      w.weight[1] += 2 * w.weight[0];
      w.weight[2] -= w.weight[0];
    }
    if (left == nodes - 2) {
      w.weight[2] += 2 * w.weight[3];
      w.weight[1] -= w.weight[3];
    }
    int const skip = left == 0 ? 1 : 0;
    first = left - 1 + skip;
    count = (left == nodes - 2 ? 3 : 4) - skip;
    for (int i = 0; i < count; ++i) weight[i] = w.weight[i + skip];
  }
};

}  // namespace oxbow
