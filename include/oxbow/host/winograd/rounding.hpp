// What rounding takes of a result, by the algorithm that makes it.
#pragma once
#include <oxbow/host/winograd/points.hpp>

namespace oxbow::on_host {

/// By how much the terms of F(Tile × Tile) are larger than what they add up to, where all have random signs: squares,
/// the mean over the outputs. It is 1 for a direct sum, and the same for a convolution and for the gradient of its
/// weights, whose three matrices are the same in another order.
template <int Tile> inline constexpr double random_growth = [] {
  using w = winograd<Tile>;
  constexpr auto square = [](double x) { return x * x; };
  double a[w::size]{}, b[w::size]{}, g[w::size]{};  // sums of squares: of each column of Aᵀ, row of Bᵀ, row of G
  a[0] = a[w::size - 1] = 1;
  for (int m = 0; m <= w::pairs; ++m) b[0] += square(w::values.q[m]), b[w::size - 1] += square(w::values.q[m]);
  for (int k = 0; k < w::pairs; ++k)
    for (int i = w::first_row(k); i <= w::second_row(k); ++i) {
      for (int o = 0; o < Tile; ++o) a[i] += square(w::values.power[k][o]);
      for (int m = 0; m < w::pairs; ++m) b[i] += square(w::values.r[k][m]) * (1 + square(w::values.power[k][1]));
    }
  double sum = 0;
  for (int i = 0; i < w::size; ++i) {
    for (int t = 0; t < w::taps; ++t) g[i] += square(w::values.g[i][t]);
    sum += a[i] * b[i] * g[i] / (w::taps * Tile);
  }
  return square(sum);  // two axes
}();

/// The expected square of the error of a sum of products of independent numbers with mean 0, over that of the sum.
///
/// Each of n additions rounds what has been added up so far, whose square is half of the whole's on average. It rounds
/// by 2⁻²⁴ of the power of two below at most, evenly: a third of its square, times 0.54, the mean of 1/m² over all
/// mantissas m, makes 0.18. The transforms round about as often again as one of their rows is long, and 4 times.
///
/// tile   0: a direct sum
/// terms  that are added up one after the other: inputs × 9 of a direct sum, inputs of Winograd's convolution; the
///        pixels or tiles of a gradient of weights
/// source  docs/cpu-performance.md; tests/host/rounding.cpp has each within a fifth of what is measured
constexpr double expected_square_error(int tile, double terms) {
  constexpr double of_one = 0.18 / (1 << 24) / (1 << 24);
  switch (tile) {
    case 2: return of_one * random_growth<2> * (terms / 2 + 6);
    case 3: return of_one * random_growth<3> * (terms / 2 + 6);
    case 4: return of_one * random_growth<4> * (terms / 2 + 8);
    case 5: return of_one * random_growth<5> * (terms / 2 + 8);
    case 6: return of_one * random_growth<6> * (terms / 2 + 10);
    case 7: return of_one * random_growth<7> * (terms / 2 + 10);
    default: return of_one * terms / 2;
  }
}

/// May a faster algorithm make what a direct sum would? Where it is expected to lose no more than is tolerated (root
/// mean square over root mean square), or no more than that sum.
constexpr bool tolerates(float tolerance, int tile, double terms, double direct_terms) {
  double const most = static_cast<double>(tolerance) * static_cast<double>(tolerance),
               lost = expected_square_error(tile, terms);
  return lost <= most || lost <= expected_square_error(0, direct_terms);
}

}  // namespace oxbow::on_host
