// Between channels-last images and the layout of the arena.
#pragma once
#include <algorithm>

#include <oxbow/core/image.hpp>
#include <oxbow/core/layout.hpp>

namespace oxbow {

namespace detail {

/// f(element in the layout, element channels-last, how many lie side by side). For up to 16 channels both are the same,
/// and everything is one run.
template <class F> void for_each_run(extent size, int channels, F&& f) {
  std::int64_t const pixels = size.volume();
  if (channels <= layout::block) return f(std::int64_t{0}, std::int64_t{0}, pixels * channels);
  for (int b = 0; b < layout::blocks(channels); ++b) {
    std::int64_t const count = std::min(layout::block, channels - b * layout::block);
    for (std::int64_t p = 0; p < pixels; ++p)
      f((b * pixels + p) * layout::block, p * channels + b * layout::block, count);
  }
}

}  // namespace detail

inline void to_layout(image_view<float const> from, float* to) {
  detail::for_each_run(from.size, from.channels, [&](std::int64_t there, std::int64_t here, std::int64_t n) {
    std::copy_n(from.data + here, n, to + there);
  });
}
inline void from_layout(float const* from, image_view<float> to) {
  detail::for_each_run(to.size, to.channels, [&](std::int64_t there, std::int64_t here, std::int64_t n) {
    std::copy_n(from + there, n, to.data + here);
  });
}

}  // namespace oxbow
