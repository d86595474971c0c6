// An image owns zeroed pixels, channels last; a view sees the same memory.
#include <doctest/doctest.h>

#include <type_traits>
#include <utility>

#include <oxbow/core/image.hpp>
using namespace oxbow;

TEST_CASE("an image nobody filled in is empty") {
  image<float> const nothing;
  CHECK(nothing.empty());
  CHECK(nothing.size.volume() == 0);
}

TEST_CASE("a new image is zero, or what it was told to be") {
  image<float> const zero{extent{1, 3, 5}, 2};
  CHECK(zero.data.size() == 30);
  for (float const v : zero.data) CHECK(v == 0.f);
  label_image const unknown{extent{1, 1, 1}, 1, ignored};
  CHECK(unknown(0, 0) == 255);
}

TEST_CASE("channels lie next to each other, then columns, rows and slices") {
  image<int> im{extent{2, 3, 5}, 2};
  for (int i = 0; i < 60; ++i) im.data[static_cast<std::size_t>(i)] = i;
  int next = 0;
  for (int z = 0; z < 2; ++z)
    for (int y = 0; y < 3; ++y)
      for (int x = 0; x < 5; ++x)
        for (int c = 0; c < 2; ++c) CHECK(im(z, y, x, c) == next++);
  CHECK(im(2, 4, 1) == im(0, 2, 4, 1));
  CHECK(im(2, 4) == im(0, 2, 4, 0));
}

TEST_CASE("a view writes through to the image it looks at") {
  image<float> im{extent{2, 3, 5}, 2};
  image_view<float> const view = im.view();
  view(1, 2, 4, 1) = 7.f;
  CHECK(im.data.back() == 7.f);
  CHECK(view.count() == 60);
  image_view<float const> const reading = view;
  CHECK(reading(1, 2, 4, 1) == 7.f);
  static_assert(std::is_same_v<decltype(std::as_const(im).view()), image_view<float const>>);
}
