// The container of the compile-time compiler.
#pragma once

namespace oxbow {

/// A vector with room for Capacity items inside itself. What does not fit is dropped and noted in
/// `full`, so that a walk stays total and the front door can explain. Transient constexpr
/// allocation would cost two to three times the compile time, and nvcc rejects it at this size.
template <class T, int Capacity> struct list {
  T items[Capacity]{};
  int count = 0;
  bool full = false;

  /// Returns the item's position; that of the last one where there is no room.
  constexpr int push(T const& item) {
    if (count == Capacity) {
      full = true;
      return count - 1;
    }
    items[count] = item;
    return count++;
  }
  constexpr void resize(int size, T const& fill = {}) {
    full = full || size > Capacity;
    size = size > Capacity ? Capacity : size;
    for (; count < size; ++count) items[count] = fill;
    count = size;
  }
  constexpr int size() const { return count; }
  constexpr bool empty() const { return count == 0; }
  constexpr T& operator[](int i) { return items[i]; }
  constexpr T const& operator[](int i) const { return items[i]; }
  constexpr T& back() { return items[count - 1]; }
  constexpr T const* begin() const { return items; }
  constexpr T const* end() const { return items + count; }
  constexpr T* begin() { return items; }
  constexpr T* end() { return items + count; }
};

}  // namespace oxbow
