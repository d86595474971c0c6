// Images out of focus.
#pragma once
#include <cmath>

#include <oxbow/augment/pipeline.hpp>

namespace oxbow {

struct drawn_blur {
  smoothing_kernel kernel;
  OXBOW_DEVICE smoothing_kernel smoothing() const { return kernel; }
};

/// Blurs grey values along height and width by a Gaussian whose deviation in pixels of the source is uniform in
/// 0 … deviation, with a probability; else they pass bit by bit. It is part of reading the source, before all maps,
/// wherever it stands in the pipeline; one pipeline has one at most. The Gaussian is cut off at 3 pixels.
/// cost  up to 64 reads per pixel and channel in place of 4, where it happens
struct blur {
  float deviation = 1, probability = 0.5f;

  drawn_blur draw(map_random const& random, extent) const {
    detail::require(deviation >= 0 && deviation <= 1.5f, "blur: deviation must lie in 0 … 1.5", deviation);
    detail::require(probability >= 0 && probability <= 1, "blur: probability must lie in 0 … 1", probability);
    drawn_blur drawn;
    float const sigma = random.uniform(1, 0, deviation);
    // Below a tenth of a pixel the neighbour's weight is exp(-50).
    if (!(random.uniform(0, 0, 1) < probability) || sigma < 0.1f) return drawn;
    for (int k = 0; k <= smoothing_kernel::most; ++k) {
      float const t = static_cast<float>(k) / sigma;
      drawn.kernel.weight[k] = std::exp(-0.5f * t * t);
      // What weighs less than a thousandth of the middle is left out.
      if (k > 0 && drawn.kernel.weight[k] > 1e-3f) drawn.kernel.radius = k;
    }
    float kept = drawn.kernel.weight[0];
    for (int k = 1; k <= drawn.kernel.radius; ++k) kept += 2 * drawn.kernel.weight[k];
    for (float& w : drawn.kernel.weight) w /= kept;
    return drawn;
  }
};

}  // namespace oxbow
