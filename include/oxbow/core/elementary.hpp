// Elementary functions without branches or calls: a loop over an array of numbers becomes vector instructions, and
// hosts and devices compute the same.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

#include <oxbow/core/portable.hpp>

namespace oxbow {

/// x brought to −most … most, and to one of the two if it is no number. By its bits: for whole numbers the smaller of
/// two is one instruction in any loop.
inline OXBOW_DEVICE float brought_within(float x, float most) {
  auto const bits = std::bit_cast<std::uint32_t>(x), bound = std::bit_cast<std::uint32_t>(most);
  std::uint32_t const size = bits & 0x7FFFFFFFu;
  return std::bit_cast<float>((size < bound ? size : bound) | (bits & 0x80000000u));
}
/// The larger of two numbers that are not negative.
inline OXBOW_DEVICE float larger_of(float a, float b) {
  auto const x = std::bit_cast<std::uint32_t>(a), y = std::bit_cast<std::uint32_t>(b);
  return std::bit_cast<float>(x > y ? x : y);
}

/// The largest whole number that is not above x, for |x| ≤ 2^30.
inline OXBOW_DEVICE int floor_of(float x) {
  int const towards_zero = static_cast<int>(x);
  return towards_zero - (x < static_cast<float>(towards_zero) ? 1 : 0);
}

/// √x of 0 or a normal number above it, within 2^-22 of itself: three of Newton's steps from a guess that halves the
/// exponent.
inline OXBOW_DEVICE float root_of(float x) {
  float inverse = std::bit_cast<float>(0x5F3759DFu - (std::bit_cast<std::uint32_t>(x) >> 1));
  inverse *= 1.5f - 0.5f * x * inverse * inverse;
  inverse *= 1.5f - 0.5f * x * inverse * inverse;
  inverse *= 1.5f - 0.5f * x * inverse * inverse;
  return x * inverse;
}

/// The logarithm to base 2 of a normal number above 0, within 2^-22 of itself; exact for powers of 2.
/// source  the polynomial: S. Moshier, Cephes, logf
inline OXBOW_DEVICE float log2_of(float x) {
  // x = m · 2^e with m between √½ and √2, so that m − 1 is exact and small where x is near 1.
  constexpr std::uint32_t root_of_half = 0x3F3504F3u;
  std::uint32_t const shifted = std::bit_cast<std::uint32_t>(x) - root_of_half;
  float const e = static_cast<float>(static_cast<std::int32_t>(shifted) >> 23);
  float const f = std::bit_cast<float>((shifted & 0x7FFFFFu) + root_of_half) - 1;
  float p = 7.0376836292e-2f;
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  float const ln = f + (f * f) * (f * p - 0.5f);
  return e + ln * 1.44269504f;
}

/// 2^x for |x| ≤ 126, within 2^-22 of itself; x beyond is brought there. Exact for whole numbers.
/// source  the polynomial: S. Moshier, Cephes, exp2f
inline OXBOW_DEVICE float exp2_of(float x) {
  x = brought_within(x, 126);
  int const whole = floor_of(x + 0.5f);
  float const f = x - static_cast<float>(whole);
  float p = 1.535336188319500e-4f;
  p = p * f + 1.339887440266574e-3f;
  p = p * f + 9.618437357674640e-3f;
  p = p * f + 5.550332471162809e-2f;
  p = p * f + 2.402264791363012e-1f;
  p = p * f + 6.931472028550421e-1f;
  float const scale = std::bit_cast<float>((whole + 127) << 23);
  return (1 + f * p) * scale;
}

/// The cosine of so many turns, 0 … 1, within 2^-22: that of 2π · turns.
inline OXBOW_DEVICE float cosine_of_turns(float turns) {
  float const away = std::fabs(turns - static_cast<float>(floor_of(turns + 0.5f)));  // 0 … ½
  float const x = 6.28318530718f * (0.25f - away), s = x * x;      // a sine between −π/2 and π/2, by its series
  float p = -2.50521084e-8f;
  p = p * s + 2.75573192e-6f;
  p = p * s - 1.98412698e-4f;
  p = p * s + 8.33333333e-3f;
  p = p * s - 1.66666667e-1f;
  return x + x * s * p;
}

}  // namespace oxbow
