// Memory on large pages, for what programs walk through in strides.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace oxbow {

/// Bytes of a large page; less memory than this has none.
inline constexpr std::size_t large_page = std::size_t{1} << 21;

/// Asks for large pages where nothing has been written yet: they come with fewer faults, and whoever walks in strides
/// of many kilobytes waits less for the addresses. A hint: systems without it, or where it is turned off, ignore it.
inline void prefer_large_pages([[maybe_unused]] void* begin, [[maybe_unused]] std::size_t bytes) {
#if defined(__linux__)
  // A large page lies on a multiple of its size.
  auto const end = reinterpret_cast<std::uintptr_t>(begin) + bytes,
             first = (end - bytes + large_page - 1) / large_page * large_page;
  if (end >= first + large_page) ::madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
#endif
}

/// As many zeros, on large pages if they are many.
inline std::vector<float> many_zeros(std::size_t count) {
  std::vector<float> made;
  made.reserve(count);
  prefer_large_pages(made.data(), count * sizeof(float));
  made.resize(count);
  return made;
}

}  // namespace oxbow
