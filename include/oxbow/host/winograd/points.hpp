// Winograd's fast convolution, F(Tile × Tile): its points, and the transforms along one axis.
#pragma once
#include <oxbow/host/simd.hpp>

namespace oxbow::on_host {

/// The pairs ±p of points; 0 and ∞ belong to every set.
template <int Tile> inline constexpr double winograd_points[Tile / 2] = {};
template <> inline constexpr double winograd_points<2>[1] = {1};
/// The usual ±1, ±2 lose more to rounding, and these cost nothing: the powers that are used are exact in a float.
template <> inline constexpr double winograd_points<4>[2] = {0.625, 1.5};
template <> inline constexpr double winograd_points<6>[3] = {0.5, 1, 2};

/// Points of F(tile × tile), and the phases that it makes: an odd tile makes each of those of an enlargement by two.
constexpr int area_of(int tile) { return (tile / 2 * 2 + 2) * (tile / 2 * 2 + 2); }
constexpr int phases_of(int tile) { return tile % 2 == 0 ? 1 : 4; }

/// The numbers of F(Tile × Tile). A tile of Size × Size inputs d makes Tile × Tile outputs y = Aᵀ(G g Gᵀ ⊙ Bᵀ d B)A.
/// The points are in the order 0, p₀, −p₀, p₁, −p₁, …, ∞. Even tiles are those of 3 × 3 weights g. The same points, and
/// with them the same Bᵀ, make a row and a column more of 2 × 2 weights: odd tiles (host/merge.hpp).
///
/// source  Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016; the matrices after Toom and Cook:
///         with q(x) = Π (x² − p²), row 0 of Bᵀ holds the coefficients of q, those of ±p of x(x ± p) q/(x² − p²), the
///         last one those of x q; G has the powers of a point over the derivative of x q there; Aᵀ has powers
template <int Tile> struct winograd {
  static_assert(Tile >= 2 && Tile <= 7);
  static constexpr int taps = Tile % 2 == 0 ? 3 : 2, phases = phases_of(Tile);
  static constexpr int pairs = Tile / 2, size = Tile + taps - 1, area = area_of(Tile);
  static_assert(area == size * size);
  static constexpr auto const& points = winograd_points<2 * pairs>;

  /// The two rows that belong together: the first and the last, or those of ±p.
  static constexpr int first_row(int pair) { return pair < 0 ? 0 : 1 + 2 * pair; }
  static constexpr int second_row(int pair) { return pair < 0 ? size - 1 : 2 + 2 * pair; }

  struct numbers {
    double power[pairs][Tile + 1]{};  ///< of each p
    double q[pairs + 1]{};            ///< coefficients of q, of even powers of x
    double r[pairs][pairs]{};         ///< of q / (x² − p²)
    double g[size][taps]{};           ///< the matrix G
  };
  static constexpr numbers values = [] {
    numbers n;
    n.q[0] = 1;
    for (int k = 0; k < pairs; ++k) {
      double const p = points[k];
      n.power[k][0] = 1;
      for (int i = 1; i <= Tile; ++i) n.power[k][i] = n.power[k][i - 1] * p;
      for (int m = pairs; m >= 0; --m) n.q[m] = (m > 0 ? n.q[m - 1] : 0) - n.q[m] * p * p;
      n.r[k][0] = 1;
      for (int j = 0; j < pairs; ++j)
        for (int m = pairs - 1; m >= 0 && j != k; --m)
          n.r[k][m] =
              (m > 0 ? n.r[k][m - 1] : 0) - n.r[k][m] * points[j] * points[j];
    }
    n.g[0][0] = 1 / n.q[0];
    n.g[size - 1][taps - 1] = 1;
    for (int k = 0; k < pairs; ++k) {
      double derivative = 0;
      for (int m = pairs - 1; m >= 0; --m) derivative = derivative * n.power[k][2] + n.r[k][m];
      derivative *= 2 * n.power[k][2];
      for (int sign = 0; sign < 2; ++sign)
        for (int t = 0; t < taps; ++t)
          n.g[1 + 2 * k + sign][t] = (sign == 1 && t == 1 ? -1 : 1) * n.power[k][t] / derivative;
    }
    return n;
  }();
};

namespace detail {

/// sum + c · x, with the constants that need no multiplication left out.
template <class V> [[gnu::always_inline]] inline V plus(V const& sum, double c, V const& x) {
  if (c == 1) return sum + x;
  if (c == -1) return sum - x;
  return multiply_add(V(static_cast<float>(c)), x, sum);
}

}  // namespace detail

/// The transforms along one axis, of vectors of neighbouring channels.
template <class Arch, int Tile> struct winograd_axis {
  using v = vec<Arch>;
  using w = winograd<Tile>;
  static constexpr int size = w::size, pairs = w::pairs;

  /// Two rows of Bᵀ d: the first and the last where Pair is −1, else those of ±p.
  template <int Pair> [[gnu::always_inline]] static void input_rows(v const (&d)[size], v& first, v& second) {
    if constexpr (Pair < 0) {
      v a = d[2 * pairs], b = d[2 * pairs + 1];
#pragma GCC unroll 4
      for (int m = pairs - 1; m >= 0; --m)
        a = detail::plus(a, w::values.q[m], d[2 * m]), b = detail::plus(b, w::values.q[m], d[2 * m + 1]);
      first = a, second = b;
    } else {
      v even = d[2 * pairs], odd = d[2 * pairs - 1];
#pragma GCC unroll 4
      for (int m = pairs - 2; m >= 0; --m)
        even = detail::plus(even, w::values.r[Pair][m], d[2 * m + 2]),
        odd = detail::plus(odd, w::values.r[Pair][m], d[2 * m + 1]);
      first = detail::plus(even, w::values.power[Pair][1], odd);
      second = detail::plus(even, -w::values.power[Pair][1], odd);
    }
  }
  /// Bᵀ d.
  [[gnu::always_inline]] static void input(v const (&d)[size], v (&o)[size]) {
    input_rows<-1>(d, o[0], o[size - 1]);
    input_rows<0>(d, o[1], o[2]);
    if constexpr (pairs > 1) input_rows<1>(d, o[3], o[4]);
    if constexpr (pairs > 2) input_rows<2>(d, o[5], o[6]);
  }

  /// Aᵀ m.
  [[gnu::always_inline]] static void output(v const (&m)[size], v (&y)[Tile]) {
    v sum[pairs], difference[pairs];
#pragma GCC unroll 4
    for (int k = 0; k < pairs; ++k)
      sum[k] = m[1 + 2 * k] + m[2 + 2 * k], difference[k] = m[1 + 2 * k] - m[2 + 2 * k];
#pragma GCC unroll 8
    for (int i = 0; i < Tile; ++i) {
      v const(&part)[pairs] = i % 2 == 0 ? sum : difference;
      v total = i == 0 ? m[0] : i == Tile - 1 ? m[size - 1] : scaled(w::values.power[0][i], part[0]);
#pragma GCC unroll 4
      for (int k = i == 0 || i == Tile - 1 ? 0 : 1; k < pairs; ++k)
        total = detail::plus(total, w::values.power[k][i], part[k]);
      y[i] = total;
    }
  }

  /// Two rows of A y, what the gradient of the weights takes of the gradient of the output: the first and the last
  /// where Pair is −1, else those of ±p.
  template <int Pair> [[gnu::always_inline]] static void output_grad_rows(v const (&y)[Tile], v& first, v& second) {
    if constexpr (Pair < 0) {
      first = y[0], second = y[Tile - 1];
    } else {
      v even = y[0], odd = scaled(w::values.power[Pair][1], y[1]);
#pragma GCC unroll 4
      for (int i = 2; i < Tile; i += 2)
        even = detail::plus(even, w::values.power[Pair][i], y[i]),
        odd = detail::plus(odd, w::values.power[Pair][i + 1], y[i + 1]);
      first = even + odd, second = even - odd;
    }
  }
  /// A y.
  [[gnu::always_inline]] static void output_grad(v const (&y)[Tile], v (&m)[size]) {
    output_grad_rows<-1>(y, m[0], m[size - 1]);
    output_grad_rows<0>(y, m[1], m[2]);
    if constexpr (pairs > 1) output_grad_rows<1>(y, m[3], m[4]);
    if constexpr (pairs > 2) output_grad_rows<2>(y, m[5], m[6]);
  }

  /// G g.
  [[gnu::always_inline]] static void weights(v const (&g)[w::taps], v (&u)[size]) {
    u[0] = scaled(w::values.g[0][0], g[0]), u[size - 1] = g[w::taps - 1];
#pragma GCC unroll 4
    for (int k = 0; k < pairs; ++k) {
      double const(&row)[w::taps] = w::values.g[1 + 2 * k];
      v even = scaled(row[0], g[0]);
      if constexpr (w::taps == 3) even = detail::plus(even, row[2], g[2]);
      v const odd = scaled(row[1], g[1]);
      u[1 + 2 * k] = even + odd, u[2 + 2 * k] = even - odd;
    }
  }

  /// Gᵀ u: back from the gradient of transformed weights.
  [[gnu::always_inline]] static void weights_grad(v const (&u)[size], v (&g)[3]) {
    g[0] = scaled(w::values.g[0][0], u[0]), g[1] = v(0.f), g[2] = u[size - 1];
#pragma GCC unroll 4
    for (int k = 0; k < pairs; ++k) {
      double const(&row)[3] = w::values.g[1 + 2 * k];
      v const sum = u[1 + 2 * k] + u[2 + 2 * k], difference = u[1 + 2 * k] - u[2 + 2 * k];
      g[0] = detail::plus(g[0], row[0], sum);
      g[1] = detail::plus(g[1], row[1], difference);
      g[2] = detail::plus(g[2], row[2], sum);
    }
  }

 private:
  [[gnu::always_inline]] static v scaled(double c, v const& x) { return c == 1 ? x : v(static_cast<float>(c)) * x; }
};

}  // namespace oxbow::on_host
