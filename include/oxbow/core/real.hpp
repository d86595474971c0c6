// A floating-point number as a template argument.
#pragma once
#include <bit>
#include <concepts>
#include <cstdint>

namespace oxbow {

/// dropout<0.5f>: clang 14 has no floating-point template parameters, so the bits travel as an
/// integer; the spelling at the use is the same. The second constructor is for nvcc, which hands
/// the host compiler real{bits}, or {bits} alone, and not real(0.5f).
struct real {
  std::uint32_t bits;

  constexpr real(float value) : bits{std::bit_cast<std::uint32_t>(value)} {}
  template <std::same_as<std::uint32_t> Bits> constexpr real(Bits b) : bits{b} {}
  constexpr operator float() const { return std::bit_cast<float>(bits); }
};

}  // namespace oxbow
