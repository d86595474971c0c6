#include <oxbow/io/png.hpp>

#include "files.hpp"

using namespace oxbow;
using test::check_pattern;
using test::fixture;

namespace {
auto const same = [](std::int64_t p) { return p; };
auto const low = [](std::int64_t p) { return p % 256; };
}  // namespace

TEST_CASE("every kind of PNG keeps its stored numbers") {
  check_pattern(read_png(fixture("grey1.png")), 7, 5, 1, [](auto p) { return p % 2; });
  check_pattern(read_png(fixture("grey2.png")), 7, 5, 1, [](auto p) { return p % 4; });
  check_pattern(read_png(fixture("grey4.png")), 7, 5, 1, [](auto p) { return p % 16; });
  check_pattern(read_png(fixture("grey8.png")), 7, 5, 1, low);
  check_pattern(read_png(fixture("grey16.png")), 7, 5, 1, same);
  check_pattern(read_png(fixture("grey_alpha.png")), 7, 5, 2, low);
  check_pattern(read_png(fixture("rgb8.png")), 7, 5, 3, low);
  check_pattern(read_png(fixture("rgba8.png")), 7, 5, 4, low);
  check_pattern(read_png<std::uint16_t>(fixture("rgb16.png")), 7, 5, 3, same);
  check_pattern(read_png<double>(fixture("interlaced.png")), 13, 9, 1, same);
}

TEST_CASE("a palette PNG gives its colours, with alpha where it has transparency, or its numbers") {
  int const colours[3][4] = {{10, 20, 30, 255}, {200, 100, 50, 128}, {255, 0, 128, 0}};
  auto const rgb = read_png<std::uint8_t>(fixture("palette.png"));
  auto const rgba = read_png<std::uint8_t>(fixture("palette_transparent.png"));
  REQUIRE(rgb.channels == 3);
  REQUIRE(rgba.channels == 4);
  for (int y = 0; y < 7; ++y)
    for (int x = 0; x < 5; ++x)
      for (int c = 0; c < 4; ++c) {
        int const expected = colours[test::pattern(y, x) % 3][c];
        if (c < 3) CHECK(rgb(y, x, c) == expected);
        CHECK(rgba(y, x, c) == expected);
      }
  for (auto const* name : {"palette.png", "palette_transparent.png"})
    check_pattern(read_png(fixture(name), {.palette_numbers = true}), 7, 5, 1, [](auto p) { return p % 3; });
}

TEST_CASE("scaled PNG numbers are divided by the greatest of their bits") {
  read_options const scaled{.scaled = true};
  check_pattern(read_png(fixture("grey1.png"), scaled), 7, 5, 1, [](auto p) { return p % 2; });
  check_pattern(read_png(fixture("grey2.png"), scaled), 7, 5, 1, [](auto p) { return static_cast<float>(p % 4) / 3; });
  check_pattern(read_png(fixture("grey16.png"), scaled), 7, 5, 1, [](auto p) { return static_cast<float>(p) / 65535; });
}

TEST_CASE("write then read is the identity for 8 and 16 bits and 1 to 4 channels") {
  test::folder const folder;
  for (int channels = 1; channels <= 4; ++channels)
    for (auto const size : {extent{1, 1, 1}, extent{1, 3, 1}, extent{1, 1, 5}, extent{1, 61, 83}})
      for (int const level : {0, 6, 9}) {
        image<std::uint8_t> narrow(size, channels);
        image<std::uint16_t> wide(size, channels);
        for (std::size_t i = 0; i < narrow.data.size(); ++i) {
          narrow.data[i] = static_cast<std::uint8_t>(255 - i);
          wide.data[i] = static_cast<std::uint16_t>(65535 - i * 257);
        }
        write_png(folder / "narrow.png", narrow, {.level = level});
        write_png(folder / "wide.png", wide, {.level = level});
        auto const narrow_again = read_png<std::uint8_t>(folder / "narrow.png");
        auto const wide_again = read_png<std::uint16_t>(folder / "wide.png");
        CHECK((narrow_again.size == size && narrow_again.channels == channels && narrow_again.data == narrow.data));
        CHECK((wide_again.size == size && wide_again.channels == channels && wide_again.data == wide.data));
      }
  CHECK(test::files_in(folder.path) == 2);
}

TEST_CASE("floats from 0 to 1 are rounded to the nearest of 256 and clamped") {
  test::folder const folder;
  image<float> grey(extent{1, 2, 4});
  grey.data = {0.f, 1.f, .5f, 1.4f / 255, 1.6f / 255, -3.f, 7.f, std::numeric_limits<float>::infinity()};
  write_png(folder / "a.png", grey);
  CHECK(read_png<int>(folder / "a.png").data == std::vector<int>{0, 255, 128, 1, 2, 0, 255, 255});
  grey(1, 2) = std::numeric_limits<float>::quiet_NaN();
  CHECK_SENTENCE(write_png(folder / "a.png", grey), "a.png", "y 1, x 2", "not a number");
  CHECK(read_png<int>(folder / "a.png").data.size() == 8);  // the old file is still there
}

TEST_CASE("what a PNG cannot hold is refused") {
  test::folder const folder;
  CHECK_SENTENCE(write_png(folder / "a.png", image<float>{}), "0 x 0 x 0");
  CHECK_SENTENCE(write_png(folder / "a.png", image<float>(extent{1, 4, 4}, 5)), "5 channels", "1 to 4");
  CHECK_SENTENCE(write_png(folder / "a.png", image<float>(extent{2, 4, 4})), "depth 1");
  CHECK_SENTENCE(write_png(folder / "no/a.png", image<float>(extent{1, 4, 4})), "No such file");
  CHECK(test::files_in(folder.path) == 0);
}
