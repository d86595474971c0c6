// An image in memory, of any size: what files are read into, and what the algorithms hand around.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include <oxbow/core/extent.hpp>
#include <oxbow/core/portable.hpp>

namespace oxbow {

/// An image that somebody else owns: pixels in row-major order, channels last.
/// shape  data: depth × height × width × channels
template <class T> struct image_view {
  T* data = nullptr;
  extent size{};
  int channels = 1;

  constexpr OXBOW_DEVICE T& operator()(int z, int y, int x, int c) const {
    return data[size.index(z, y, x) * channels + c];
  }
  constexpr OXBOW_DEVICE T& operator()(int y, int x, int c = 0) const { return (*this)(0, y, x, c); }
  constexpr OXBOW_DEVICE std::int64_t count() const { return size.volume() * channels; }
  template <class U = T>
  requires(!std::is_const_v<U>)
  constexpr operator image_view<U const>() const { return {data, size, channels}; }
};

/// An image that owns its pixels, all zero at first.
/// shape  data: depth × height × width × channels
template <class T> struct image {
  extent size{0, 0, 0};
  int channels = 1;
  std::vector<T> data;

  image() = default;
  explicit image(extent size, int channels = 1, T fill = {})
      : size{size}, channels{channels}, data(static_cast<std::size_t>(size.volume() * channels), fill) {}

  T& operator()(int z, int y, int x, int c) { return data[offset(z, y, x, c)]; }
  T const& operator()(int z, int y, int x, int c) const { return data[offset(z, y, x, c)]; }
  T& operator()(int y, int x, int c = 0) { return data[offset(0, y, x, c)]; }
  T const& operator()(int y, int x, int c = 0) const { return data[offset(0, y, x, c)]; }

  image_view<T> view() { return {data.data(), size, channels}; }
  image_view<T const> view() const { return {data.data(), size, channels}; }
  bool empty() const { return data.empty(); }

 private:
  std::size_t offset(int z, int y, int x, int c) const {
    return static_cast<std::size_t>(size.index(z, y, x) * channels + c);
  }
};

/// A class per pixel. `ignored` pixels take no part in loss or scores.
using label_image = image<std::uint8_t>;
inline constexpr std::uint8_t ignored = 255;

/// An object number per pixel; 0 is background.
using instance_image = image<std::int32_t>;

}  // namespace oxbow
