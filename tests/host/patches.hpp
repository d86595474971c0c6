// What the tests of the host back end share: random tensors, an arena, patches in poisoned memory, comparisons.
#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <oxbow/core/random.hpp>
#include <oxbow/core/wording.hpp>
#include <oxbow/host/gather.hpp>
#include <oxbow/ops/tensor.hpp>

namespace oxbow::testing {

using on_host::patch;
using floats = ops::tensor<float>;
using doubles = ops::tensor<double>;

/// One rounding to float.
inline constexpr double rounding = 0x1p-24;
inline float poison() { return std::numeric_limits<float>::quiet_NaN(); }

/// Whole numbers, floats and choices that depend on nothing but the seed.
struct chance {
  random_stream stream;
  std::uint64_t next = 0;

  explicit chance(std::uint64_t seed) : stream{seed, purpose::noise, 0, 0} {}
  int below(int bound) { return static_cast<int>(stream.below(next++, static_cast<std::uint32_t>(bound))); }
  int between(int low, int high) { return low + below(high - low + 1); }
  float number(float low = -1, float high = 1) { return stream.uniform(next++, low, high); }
  template <class T, std::size_t N> T pick(T const (&of)[N]) {
    return of[static_cast<std::size_t>(below(static_cast<int>(N)))];
  }

  int channels() { return pick({1, 2, 3, 4, 7, 8, 12, 15, 16, 17, 20, 32, 33, 40}); }
  extent size(int most = 13) {
    extent const e{below(3) == 0 ? between(1, 4) : 1, between(1, most), between(1, most)};
    return below(8) == 0 ? extent{} : e;
  }
  /// A box within a tensor: all of it, or a part that often touches the border.
  box part(extent size) {
    box b{{0, 0, 0}, size};
    if (below(3) == 0) return b;
    for (int a = 0; a < 3; ++a) {
      b.origin[a] = below(2) == 0 ? 0 : below(size[a]);
      b.size[a] = below(2) == 0 ? size[a] - b.origin[a] : between(1, size[a] - b.origin[a]);
    }
    return b;
  }
  floats tensor(extent size, int channels, float low = -1, float high = 1) {
    floats x{size, channels};
    for (float& e : x.data) e = number(low, high);
    return x;
  }
  std::vector<float> numbers(int count, float low = -1, float high = 1) {
    std::vector<float> v;
    for (int i = 0; i < count; ++i) v.push_back(number(low, high));
    return v;
  }
};

inline doubles exact(floats const& x) {
  doubles d{x.size, x.channels};
  for (std::size_t i = 0; i < x.data.size(); ++i) d.data[i] = static_cast<double>(x.data[i]);
  return d;
}
inline std::vector<double> exact(std::vector<float> const& x) { return {x.begin(), x.end()}; }

/// A patch and its memory, full of NaN. `wide` gives it 16 lanes whatever its channels, and a gap between blocks, as
/// a part of a larger patch has them. Memory around it must stay as it is.
class owned_patch {
 public:
  patch p;

  owned_patch(box where, int channels, bool wide = false) {
    p = patch::over(nullptr, where, channels);
    if (wide) p.lanes = layout::block, p.block_stride = where.size.volume() * layout::block + 3 * layout::block;
    used_ = static_cast<std::size_t>(p.blocks() * std::max<std::ptrdiff_t>(p.block_stride, p.block_floats()));
    memory_.assign(used_ + 2 * guard, poison());
    for (std::size_t i = 0; i < guard; ++i) memory_[i] = memory_[guard + used_ + i] = -77;
    p.data = memory_.data() + guard;
  }
  owned_patch(owned_patch&&) = default;

  /// Fills it from a tensor whose pixel `where.origin` is the patch's first; zero outside of the tensor.
  owned_patch& show(floats const& x) {
    each([&](int c, ops::pixel at, float& e) { e = ops::contains(x.size, at) ? x(c, at) : 0.f; });
    return *this;
  }
  /// Calls f(channel, pixel of the tensor, element).
  template <class F> void each(F&& f) const {
    for (int c = 0; c < p.channels; ++c)
      ops::for_each_pixel(p.where.size, [&](ops::pixel q) {
        f(c, ops::shifted(q, p.where.origin), p.at(c / layout::block, q.z, q.y, q.x)[c % layout::block]);
      });
  }
  bool kept_to_itself() const {
    for (std::size_t i = 0; i < guard; ++i)
      if (memory_[i] != -77 || memory_[guard + used_ + i] != -77) return false;
    return true;
  }

 private:
  static constexpr std::size_t guard = 64;
  std::size_t used_ = 0;
  std::vector<float> memory_;
};

/// Tensors side by side, in the layout of the back ends; what nothing wrote is NaN.
class small_arena {
 public:
  operand put(floats const& x) {
    operand o = reserve(x.size, x.channels, element::f32);
    auto* const data = reinterpret_cast<float*>(bytes() + o.offset);
    int const lanes = layout::lanes(x.channels);
    for (int c = 0; c < x.channels; ++c)
      ops::for_each_pixel(x.size, [&](ops::pixel p) {
        data[(c / layout::block * x.size.volume() + ops::index(x.size, p)) * lanes + c % layout::block] = x(c, p);
      });
    return o;
  }
  operand put(extent size, std::vector<std::uint8_t> const& labels) {
    operand o = reserve(size, 1, element::u8);
    std::memcpy(bytes() + o.offset, labels.data(), labels.size());
    return o;
  }
  operand reserve(extent size, int channels, element type) {
    operand o{.size = size, .channels = channels, .type = type, .count = channels, .high = size};
    o.offset = static_cast<std::int64_t>(memory_.size() * sizeof(float));
    std::int64_t const n = layout::bytes(size, channels, static_cast<int>(type));
    memory_.resize(memory_.size() + static_cast<std::size_t>((n + 63) / 64 * 16), poison());
    return o;
  }
  floats get(operand const& o) const {
    auto const* const data = reinterpret_cast<float const*>(bytes() + o.offset);
    int const lanes = layout::lanes(o.channels);
    return ops::make_tensor<float>(o.size, o.channels, [&](int c, ops::pixel p) {
      return data[(c / layout::block * o.size.volume() + ops::index(o.size, p)) * lanes + c % layout::block];
    });
  }
  std::byte* bytes() { return reinterpret_cast<std::byte*>(memory_.data()); }
  std::byte const* bytes() const { return reinterpret_cast<std::byte const*>(memory_.data()); }

 private:
  std::vector<float> memory_;
};

/// How an element differs from what was expected; empty where it does not. Equal NaNs do not.
inline std::string difference(int c, ops::pixel p, float is, double expected, double tolerance) {
  if (std::fabs(static_cast<double>(is) - expected) <= tolerance || (std::isnan(is) && std::isnan(expected)) ||
      static_cast<double>(is) == expected)
    return {};
  return "channel " + std::to_string(c) + " at " + place_text(p.z, p.y, p.x) + " is " + std::to_string(is) +
         " and not " + std::to_string(expected) + " +- " + std::to_string(tolerance);
}

/// The first element of a patch that differs from expected(c, pixel) by more than tolerance(c, pixel); or that the
/// memory around the patch was written to.
template <class Expected, class Tolerance>
std::string mismatch(owned_patch const& y, Expected&& expected, Tolerance&& tolerance) {
  std::string first = y.kept_to_itself() ? "" : "wrote outside of its patch";
  y.each([&](int c, ops::pixel at, float& e) {
    if (first.empty()) first = difference(c, at, e, static_cast<double>(expected(c, at)), tolerance(c, at));
  });
  return first;
}
template <class Expected> std::string mismatch(owned_patch const& y, Expected&& expected) {
  return mismatch(y, expected, [](int, ops::pixel) { return 0.; });
}

/// The description of a case, for INFO.
inline std::string describe(extent size, box const& b, int channels) {
  return std::to_string(channels) + " channels of " + size_text(size) + ", box of " + size_text(b.size) + " at " +
         place_text(b.origin.depth, b.origin.height, b.origin.width);
}

}  // namespace oxbow::testing
