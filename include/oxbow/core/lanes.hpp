// Several numbers side by side.
#pragma once
#include <oxbow/core/portable.hpp>

namespace oxbow {

/// Passed and returned by value: a loop over them is over numbers that nobody else can see, and so becomes vector
/// instructions without being asked to.
template <class T, int Count> struct lanes {
  T of[Count];

  constexpr OXBOW_DEVICE T& operator[](int i) { return of[i]; }
  constexpr OXBOW_DEVICE T const& operator[](int i) const { return of[i]; }
};

/// Count times the same number.
template <int Count, class T> constexpr OXBOW_DEVICE lanes<T, Count> lanes_of(T value) {
  lanes<T, Count> made;
  for (int i = 0; i < Count; ++i) made[i] = value;
  return made;
}

}  // namespace oxbow
