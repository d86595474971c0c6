// Whole tensors for the oracle: as plain as they come, so that a formula reads like the formula.
#pragma once
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <oxbow/core/extent.hpp>

/// What each op of the flat graph means, written to be read: scalar loops over output elements, for float and double.
/// 2-D is 3-D with depth 1 throughout. Sums are taken in double whatever the element type is, so that each output
/// element of a float tensor carries one rounding and not one per term.
namespace oxbow::ops {

/// A place in an image, or a tap of a window.
struct pixel {
  int z = 0, y = 0, x = 0;

  constexpr int& operator[](int axis) { return axis == 0 ? z : axis == 1 ? y : x; }
  constexpr int operator[](int axis) const { return axis == 0 ? z : axis == 1 ? y : x; }
  friend constexpr bool operator==(pixel const&, pixel const&) = default;
};

constexpr std::int64_t index(extent size, pixel p) { return size.index(p.z, p.y, p.x); }
constexpr bool contains(extent size, pixel p) { return size.contains(p.z, p.y, p.x); }

/// The pixel `by` further along each axis, or back where sign is −1.
constexpr pixel shifted(pixel p, extent by, int sign = 1) {
  return {p.z + sign * by.depth, p.y + sign * by.height, p.x + sign * by.width};
}

/// Calls f(pixel) for every pixel in row-major order.
template <class F> constexpr void for_each_pixel(extent size, F&& f) {
  for (int z = 0; z < size.depth; ++z)
    for (int y = 0; y < size.height; ++y)
      for (int x = 0; x < size.width; ++x) f(pixel{z, y, x});
}

/// A tensor.
/// shape  data: channels × depth × height × width
template <std::floating_point Real> struct tensor {
  extent size{0, 0, 0};
  int channels = 0;
  std::vector<Real> data;

  tensor() = default;
  tensor(extent size, int channels, Real fill = {})
      : size{size}, channels{channels}, data(static_cast<std::size_t>(size.volume() * channels), fill) {}

  Real& operator()(int c, pixel p) { return data[offset(c, p)]; }
  Real const& operator()(int c, pixel p) const { return data[offset(c, p)]; }

 private:
  std::size_t offset(int c, pixel p) const { return static_cast<std::size_t>(c * size.volume() + index(size, p)); }
};

/// The tensor whose element (c, p) is f(c, p).
template <std::floating_point Real, class F> tensor<Real> make_tensor(extent size, int channels, F&& f) {
  tensor<Real> y{size, channels};
  for (int c = 0; c < channels; ++c) for_each_pixel(size, [&](pixel p) { y(c, p) = static_cast<Real>(f(c, p)); });
  return y;
}

/// The weights of a convolution.
/// shape  data: rows × columns × window; (out, in, window) for a convolution, (in, out, window) for an up-convolution
template <std::floating_point Real> struct filter {
  int rows = 0, columns = 0;
  extent window{};
  std::vector<Real> data;

  filter() = default;
  filter(int rows, int columns, extent window, Real fill = {})
      : rows{rows},
        columns{columns},
        window{window},
        data(static_cast<std::size_t>(window.volume() * rows * columns), fill) {}

  Real& operator()(int row, int column, pixel tap) { return data[offset(row, column, tap)]; }
  Real const& operator()(int row, int column, pixel tap) const { return data[offset(row, column, tap)]; }

 private:
  std::size_t offset(int row, int column, pixel tap) const {
    return static_cast<std::size_t>((std::int64_t{row} * columns + column) * window.volume() + index(window, tap));
  }
};

/// The filter whose element (row, column, tap) is f(row, column, tap).
template <std::floating_point Real, class F> filter<Real> make_filter(int rows, int columns, extent window, F&& f) {
  filter<Real> w{rows, columns, window};
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c)
      for_each_pixel(window, [&](pixel tap) { w(r, c, tap) = static_cast<Real>(f(r, c, tap)); });
  return w;
}

}  // namespace oxbow::ops
