#include <oxbow/io/tiff.hpp>

#include "files.hpp"

using namespace oxbow;
using test::check_pattern;
using test::fixture;

namespace {

auto const same = [](std::int64_t p) { return p; };

template <class T = float> image<T> only(std::string const& name, read_options const& options = {}) {
  auto pages = read_tiff<T>(fixture(name), options);
  REQUIRE(pages.size() == 1);
  return pages[0];
}

/// A picture with every value of T's lowest byte, its limits, and something at each pixel.
template <class T> image<T> picture(extent size, int channels) {
  image<T> out(size, channels);
  for (std::size_t i = 0; i < out.data.size(); ++i) out.data[i] = static_cast<T>(i * 37 % 256);
  out.data.front() = std::numeric_limits<T>::lowest();
  out.data.back() = std::numeric_limits<T>::max();
  return out;
}

}  // namespace

TEST_CASE("every integer and float type of a TIFF keeps its stored numbers") {
  check_pattern(only("u8.tif"), 7, 5, 1, [](auto p) { return p % 256; });
  check_pattern(only("u16_big_endian.tif"), 7, 5, 1, same);
  check_pattern(only<std::uint32_t>("u32.tif"), 7, 5, 1, [](auto p) { return p * 300000 % (1LL << 32); });
  check_pattern(only<std::uint64_t>("u64.tif"), 7, 5, 1, [](auto p) { return p << 40; });
  check_pattern(only("i8.tif"), 7, 5, 1, [](auto p) { return p % 256 - 128; });
  check_pattern(only("i16_big_endian.tif"), 7, 5, 1, [](auto p) { return p - 13000; });
  check_pattern(only<std::int32_t>("i32.tif"), 7, 5, 1, [](auto p) { return p * -100000; });
  // (p - 12800)/64 has 10 bits of fraction or fewer in this range: exact in binary16
  check_pattern(only("f16.tif"), 7, 5, 1, [](auto p) { return static_cast<double>(p) / 64 - 200; });
  check_pattern(only("f32.tif"), 7, 5, 1, [](auto p) { return static_cast<double>(p) / 8 - 1600; });
  check_pattern(only<double>("f64_big_endian.tif"), 7, 5, 1, [](auto p) { return static_cast<double>(p) / 3; });
}

TEST_CASE("strips, tiles, planes and compressions of a TIFF give the same picture") {
  auto const low = [](auto p) { return p % 256; };
  check_pattern(only("rgb_contiguous.tif"), 7, 5, 3, low);
  check_pattern(only("rgb_planar_u16.tif"), 7, 5, 3, same);
  check_pattern(only("tiled_lzw.tif"), 19, 37, 1, low);
  check_pattern(only("tiled_planar_deflate.tif"), 18, 17, 3, [](auto p) { return p / 100; });
  check_pattern(only("lzw_predictor.tif"), 19, 17, 1, same);
  check_pattern(only("deflate_float_predictor.tif"), 9, 11, 1,
                [](auto p) { return static_cast<double>(p) / 8 - 1600; });
  check_pattern(only("packbits.tif"), 9, 11, 1, [](auto p) { return p / 512; });
  check_pattern(only("bigtiff.tif"), 7, 5, 1, same);
  check_pattern(only("uneven_strips.tif"), 10, 3, 1, low);
  check_pattern(only("one_bit.tif"), 5, 11, 1, [](auto p) { return p % 2; });
}

TEST_CASE("the pages of a TIFF come in order, each with its own size") {
  auto const pages = read_tiff(fixture("pages.tif"));
  REQUIRE(pages.size() == 3);
  for (int n = 0; n < 3; ++n) check_pattern(pages[static_cast<std::size_t>(n)], 3 + n, 4 + 2 * n, 1, same, n);
}

TEST_CASE("a palette TIFF gives its colours, or its numbers where asked") {
  int const colours[3][3] = {{10, 20, 30}, {200, 100, 50}, {255, 0, 128}};
  auto const rgb = only<std::uint8_t>("palette.tif");
  REQUIRE(rgb.channels == 3);
  for (int y = 0; y < 7; ++y)
    for (int x = 0; x < 5; ++x)
      for (int c = 0; c < 3; ++c) CHECK(rgb(y, x, c) == colours[test::pattern(y, x) % 3][c]);
  check_pattern(only("palette.tif", {.palette_numbers = true}), 7, 5, 1, [](auto p) { return p % 3; });
}

TEST_CASE("scaled integers are divided by the greatest of their type, floats are not") {
  read_options const scaled{.scaled = true};
  check_pattern(only("u8.tif", scaled), 7, 5, 1, [](auto p) { return static_cast<float>(p % 256) / 255; });
  check_pattern(only("u16_big_endian.tif", scaled), 7, 5, 1, [](auto p) { return static_cast<float>(p) / 65535; });
  check_pattern(only("i8.tif", scaled), 7, 5, 1, [](auto p) { return static_cast<float>(p % 256 - 128) / 127; });
  check_pattern(only("f32.tif", scaled), 7, 5, 1, [](auto p) { return static_cast<float>(p) / 8 - 1600; });
  CHECK_SENTENCE(read_tiff<int>(fixture("u8.tif"), scaled), "u8.tif", "float");
}

TEST_CASE("a value that the wanted type cannot hold is an error with its pixel") {
  // y 0, x 3: 12345 + 111 = 12456; minus 13000 is negative from the first pixel on
  CHECK_SENTENCE(read_tiff<std::uint16_t>(fixture("i16_big_endian.tif")), "-655 at y 0, x 0", "0 to 65535");
  CHECK_SENTENCE(read_tiff<std::uint8_t>(fixture("pages.tif")), "12345 at page 0, y 0, x 0", "0 to 255");
  CHECK_SENTENCE(read_tiff<int>(fixture("f64_big_endian.tif")), "at y 0, x 1", "whole number");  // 12382 / 3
}

TEST_CASE_TEMPLATE("write then read is the identity for every type and compression", T, std::uint8_t, std::uint16_t,
                   std::uint32_t, std::uint64_t, std::int8_t, std::int16_t, std::int32_t, std::int64_t, float, double) {
  test::folder const folder;
  for (auto const compression :
       {tiff_compression::none, tiff_compression::packbits, tiff_compression::lzw, tiff_compression::deflate})
    for (int const channels : {1, 2, 3, 4, 7})
      for (auto const size : {extent{1, 1, 1}, extent{1, 1, 300}, extent{1, 211, 1}, extent{1, 37, 101}}) {
        auto const before = picture<T>(size, channels);
        write_tiff(folder / "a.tif", before, {.compression = compression});
        auto const after = read_tiff<T>(folder / "a.tif");
        REQUIRE(after.size() == 1);
        CHECK(after[0].size == size);
        CHECK(after[0].channels == channels);
        CHECK(after[0].data == before.data);
      }
  CHECK(test::files_in(folder.path) == 1);  // no temporary stays
}

TEST_CASE("a stack is written as pages, and so is depth") {
  test::folder const folder;
  std::vector<image<float>> const stack{picture<float>({1, 3, 4}, 1), picture<float>({1, 9, 2}, 3)};
  write_tiff(folder / "stack.tif", stack);
  auto const again = read_tiff(folder / "stack.tif");
  REQUIRE(again.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) CHECK((again[i].size == stack[i].size && again[i].data == stack[i].data));

  auto const deep = picture<std::uint16_t>({5, 3, 4}, 2);
  write_tiff(folder / "deep.tif", deep);
  auto const slices = read_tiff<std::uint16_t>(folder / "deep.tif");
  REQUIRE(slices.size() == 5);
  for (int z = 0; z < 5; ++z)
    for (int y = 0; y < 3; ++y)
      for (int x = 0; x < 4; ++x)
        for (int c = 0; c < 2; ++c) CHECK(slices[static_cast<std::size_t>(z)](y, x, c) == deep(z, y, x, c));
}

TEST_CASE("floats keep their bits, NaN and infinities included") {
  test::folder const folder;
  image<float> odd(extent{1, 1, 5});
  odd.data = {std::bit_cast<float>(0x7FC12345u), std::bit_cast<float>(0xFF800000u), -0.f, 1e-45f, 1.f};
  for (auto const compression : {tiff_compression::none, tiff_compression::deflate}) {
    write_tiff(folder / "odd.tif", odd, {.compression = compression});
    auto const again = read_tiff(folder / "odd.tif").at(0);
    CHECK(std::memcmp(again.data.data(), odd.data.data(), 20) == 0);
  }
  CHECK_SENTENCE(read_tiff<int>(folder / "odd.tif"), "holds nan at y 0, x 0");
}

TEST_CASE("what cannot be written says why and leaves the old file") {
  test::folder const folder;
  write_tiff(folder / "a.tif", image<float>(extent{1, 2, 2}));
  auto const before = test::contents(folder / "a.tif");
  CHECK_SENTENCE(write_tiff(folder / "a.tif", std::vector<image<float>>{}), "a.tif", "no images");
  CHECK_SENTENCE(write_tiff(folder / "a.tif", image<float>{}), "a.tif", "no pixels");
  image<float> lying(extent{1, 2, 2});
  lying.size.height = 1000;
  CHECK_SENTENCE(write_tiff(folder / "a.tif", lying), "a.tif", "not as many as its size says");
  CHECK(test::contents(folder / "a.tif") == before);
  CHECK_SENTENCE(write_tiff(folder / "no/such/folder.tif", image<float>(extent{1, 2, 2})), "cannot be written",
                 "No such file");
  CHECK(test::files_in(folder.path) == 1);
}
