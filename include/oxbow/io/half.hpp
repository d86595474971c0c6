// Half-precision floats, as files store them.
#pragma once
#include <bit>
#include <cstdint>

namespace oxbow {

/// IEEE 754 binary16 to binary32; exact for every value. A NaN keeps its payload.
constexpr float half_to_float(std::uint16_t half) {
  std::uint32_t const sign = std::uint32_t{half} >> 15 << 31;
  std::uint32_t exponent = half >> 10 & 31, fraction = half & 1023;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | fraction << 13);
  if (exponent == 0) {  // zero or subnormal: fraction · 2^-24, which binary32 holds exactly
    float const value = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -value : value;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

/// bfloat16 is the upper half of a binary32.
constexpr float bfloat_to_float(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

/// To nearest, ties to even; beyond the largest bfloat16 it is infinity. A NaN stays one, with the upper part of its
/// payload.
constexpr std::uint16_t float_to_bfloat(float value) {
  auto const bits = std::bit_cast<std::uint32_t>(value);
  if (value != value) return static_cast<std::uint16_t>(bits >> 16 | 0x40);  // its payload may lie in the lower half
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

}  // namespace oxbow
