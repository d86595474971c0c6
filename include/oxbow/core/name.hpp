// A string literal as a template argument.
#pragma once

namespace oxbow {

/// A short name: node<"x01", …>. One fixed size, so that names of different lengths have one
/// type, compare, and lie in arrays.
struct name {
  char text[16]{};

  constexpr name() = default;
  template <int Size> constexpr name(char const (&literal)[Size]) {
    static_assert(Size <= 16, "name: at most 15 characters.");
    for (int i = 0; i < Size && i < 15; ++i) text[i] = literal[i];
  }
  constexpr int size() const {
    int n = 0;
    while (n < 16 && text[n]) ++n;
    return n;
  }
  friend constexpr bool operator==(name const&, name const&) = default;
};

}  // namespace oxbow
