// Normalisation to mean 0 and variance 1 within groups of channels, and its gradient.
#pragma once
#include <algorithm>
#include <cmath>

#include <oxbow/ops/tensor.hpp>

namespace oxbow::ops {

/// Added to a variance before its root is taken, so that a constant image stays finite.
inline constexpr double norm_epsilon = 1e-5;
/// How much of the new statistics enters the running ones at each step.
inline constexpr double norm_momentum = 0.1;

// A group is channels / groups consecutive channels; one group per channel for batch and instance norm. Statistics are
// a tensor of one pixel with 2 · groups channels: the mean of each group, then 1 / sqrt(variance + epsilon) of each.

/// Mean and inverse deviation of each group, over its channels and all pixels, with the biased variance (/ n).
///
/// shapes  x: channels × size → statistics: 2 · groups × 1
/// source  Ioffe and Szegedy 2015; Ulyanov et al. 2016; Wu and He 2018. As PyTorch with a batch of one.
template <std::floating_point Real> tensor<Real> norm_statistics(tensor<Real> const& x, int groups) {
  int const members = x.channels / groups;
  double const n = static_cast<double>(x.size.volume() * members);
  tensor<Real> statistics{{1, 1, 1}, 2 * groups};
  for (int g = 0; g < groups; ++g) {
    double sum = 0, squares = 0;
    for (int c = g * members; c < (g + 1) * members; ++c) for_each_pixel(x.size, [&](pixel p) { sum += x(c, p); });
    double const mean = sum / n;
    for (int c = g * members; c < (g + 1) * members; ++c)
      for_each_pixel(x.size, [&](pixel p) { squares += (x(c, p) - mean) * (x(c, p) - mean); });
    statistics(g, {}) = static_cast<Real>(mean);
    statistics(groups + g, {}) = static_cast<Real>(1 / std::sqrt(squares / n + norm_epsilon));
  }
  return statistics;
}

/// The same as statistics, from what a batch norm has kept: running_mean and running_variance of each channel.
template <std::floating_point Real>
tensor<Real> running_statistics(std::vector<Real> const& running_mean, std::vector<Real> const& running_variance) {
  int const channels = static_cast<int>(running_mean.size());
  return make_tensor<Real>({1, 1, 1}, 2 * channels, [&](int i, pixel) {
    if (i < channels) return double{running_mean[static_cast<std::size_t>(i)]};
    return 1 / std::sqrt(double{running_variance[static_cast<std::size_t>(i - channels)]} + norm_epsilon);
  });
}

/// Moves the running statistics of a batch norm towards those of x:
/// running ← (1 − momentum) · running + momentum · new, where the new variance is the unbiased one (/ (n − 1)).
/// One pixel has no unbiased variance; its biased one, 0, is taken.
/// source  PyTorch, BatchNorm2d
template <std::floating_point Real>
void update_running(tensor<Real> const& x, std::vector<Real>& running_mean, std::vector<Real>& running_variance) {
  double const n = static_cast<double>(x.size.volume());
  for (int c = 0; c < x.channels; ++c) {
    double sum = 0, squares = 0;
    for_each_pixel(x.size, [&](pixel p) { sum += x(c, p); });
    double const mean = sum / n;
    for_each_pixel(x.size, [&](pixel p) { squares += (x(c, p) - mean) * (x(c, p) - mean); });
    auto const move = [](Real& running, double to) {
      running = static_cast<Real>((1 - norm_momentum) * running + norm_momentum * to);
    };
    move(running_mean[static_cast<std::size_t>(c)], mean);
    move(running_variance[static_cast<std::size_t>(c)], squares / std::max(n - 1, 1.));
  }
}

/// x̂[c](p) = (x[c](p) − mean) · inverse deviation, both of c's group.
template <std::floating_point Real>
double normalised(tensor<Real> const& x, tensor<Real> const& statistics, int c, pixel p) {
  int const groups = statistics.channels / 2, g = c / (x.channels / groups);
  return (double{x(c, p)} - statistics(g, {})) * statistics(groups + g, {});
}

/// y[c](p) = scale[c] · x̂[c](p) + shift[c].
///
/// shapes  x and y: channels × size; statistics: 2 · groups × 1; scale and shift: channels
template <std::floating_point Real>
tensor<Real> norm(tensor<Real> const& x, tensor<Real> const& statistics, std::vector<Real> const& scale,
                  std::vector<Real> const& shift) {
  return make_tensor<Real>(x.size, x.channels, [&](int c, pixel p) {
    auto const i = static_cast<std::size_t>(c);
    return double{scale[i]} * normalised(x, statistics, c, p) + shift[i];
  });
}

/// Σ_p dy[c](p) · x̂[c](p) of each channel, then Σ_p dy[c](p) of each: what the gradient of x needs, and at the same
/// time the gradients of scale and of shift.
///
/// shapes  dy and x: channels × size, statistics: 2 · groups × 1 → 2 · channels × 1
template <std::floating_point Real>
tensor<Real> norm_grad_statistics(tensor<Real> const& dy, tensor<Real> const& x, tensor<Real> const& statistics) {
  return make_tensor<Real>({1, 1, 1}, 2 * x.channels, [&](int i, pixel) {
    int const c = i % x.channels;
    double sum = 0;
    for_each_pixel(x.size, [&](pixel p) { sum += dy(c, p) * (i < x.channels ? normalised(x, statistics, c, p) : 1.); });
    return sum;
  });
}

/// With d[c](p) = scale[c] · dy[c](p), the gradient of x̂, and means over the group of c:
/// dx[c](p) = inverse deviation · (d[c](p) − mean(d) − x̂[c](p) · mean(d · x̂)).
/// Both means come from the sums of norm_grad_statistics. The mean and the deviation are differentiated as well.
///
/// shapes  dy, x, dx: channels × size; statistics: 2 · groups × 1; sums: 2 · channels × 1; scale: channels
/// source  Ioffe and Szegedy 2015, section 3, in closed form
template <std::floating_point Real>
tensor<Real> norm_grad(tensor<Real> const& dy, tensor<Real> const& x, tensor<Real> const& statistics,
                       tensor<Real> const& sums, std::vector<Real> const& scale) {
  int const groups = statistics.channels / 2, members = x.channels / groups;
  double const n = static_cast<double>(x.size.volume() * members);
  return make_tensor<Real>(x.size, x.channels, [&](int c, pixel p) {
    int const g = c / members;
    double mean_d = 0, mean_dx = 0;
    for (int k = g * members; k < (g + 1) * members; ++k) {
      mean_dx += scale[static_cast<std::size_t>(k)] * double{sums(k, {})} / n;
      mean_d += scale[static_cast<std::size_t>(k)] * double{sums(x.channels + k, {})} / n;
    }
    double const d = double{scale[static_cast<std::size_t>(c)]} * dy(c, p);
    return statistics(groups + g, {}) * (d - mean_d - normalised(x, statistics, c, p) * mean_dx);
  });
}

}  // namespace oxbow::ops
