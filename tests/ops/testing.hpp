// What the tests of ops share: random tensors, inner products, slopes.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <oxbow/core/random.hpp>
#include <oxbow/core/wording.hpp>
#include <oxbow/ops/tensor.hpp>

namespace oxbow::testing {

/// Numbers in [−1, 1) that depend on nothing but the seed.
inline std::vector<double> random_numbers(std::int64_t count, std::uint64_t seed) {
  random_stream const stream{seed, purpose::noise, 0, 0};
  std::vector<double> numbers;
  for (std::int64_t i = 0; i < count; ++i) numbers.push_back(stream.uniform(static_cast<std::uint64_t>(i), -1, 1));
  return numbers;
}
inline ops::tensor<double> random_tensor(extent size, int channels, std::uint64_t seed) {
  ops::tensor<double> x{size, channels};
  x.data = random_numbers(size.volume() * channels, seed);
  return x;
}
inline ops::filter<double> random_filter(int rows, int columns, extent window, std::uint64_t seed) {
  ops::filter<double> w{rows, columns, window};
  w.data = random_numbers(window.volume() * rows * columns, seed);
  return w;
}

/// A tensor of one channel from numbers in row-major order.
inline ops::tensor<double> plane(extent size, std::vector<double> numbers) {
  ops::tensor<double> x{size, 1};
  x.data = std::move(numbers);
  return x;
}

inline double dot(std::vector<double> const& a, std::vector<double> const& b) {
  double sum = a.size() == b.size() ? 0 : std::nan("");
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) sum += a[i] * b[i];
  return sum;
}

/// How far <A x, y> and <x, Aᵀ y> may lie apart in double, for numbers below 1 and `terms` products in all: each
/// product goes through at most 4000 additions here, each with an error of 2^−53 = 1.1e-16 of a partial sum
/// that is never above `terms`; 4000 · 1.1e-16 < 1e-12.
inline double adjoint_tolerance(double terms) { return 1e-12 * terms; }

/// The slope of f() in `at`, by central differences.
template <class F> double slope(F&& f, double& at, double step) {
  double const middle = at;
  at = middle + step;
  double const above = f();
  at = middle - step;
  double const below = f();
  at = middle;
  return (above - below) / (2 * step);
}

}  // namespace oxbow::testing
