// Whole samples: image, labels and weights from the same places.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <numeric>
#include <thread>

#include <oxbow/augment/elastic.hpp>
#include <oxbow/augment/grey.hpp>

#include "common.hpp"

using namespace oxbow;
using namespace oxbow::test;

namespace {

constexpr random_key key{21, 4, 0};

struct backwards {
  template <class F> void operator()(std::int64_t count, F&& f) const {
    while (count-- > 0) f(count);
  }
};
struct leaping {
  template <class F> void operator()(std::int64_t count, F&& f) const {
    for (std::int64_t start = 0; start < 7; ++start)
      for (std::int64_t i = start; i < count; i += 7) f(i);
  }
};
struct threaded {
  template <class F> void operator()(std::int64_t count, F&& f) const {
    std::atomic<std::int64_t> next = 0;
    auto const work = [&] {
      for (std::int64_t i; (i = next++) < count;) f(i);
    };
    std::thread second(work), third(work);
    work();
    second.join(), third.join();
  }
};

}  // namespace

TEST_CASE("without augmentation a tile is a window into the mirrored source, labels in its middle") {
  // Tiles inside, across the border, and larger than the source on all sides.
  for (extent const size : {extent{1, 1, 1}, extent{1, 5, 7}, extent{1, 40, 33}})
    for (extent const corner : {extent{0, 3, 2}, extent{0, -9, -4}, extent{0, 30, 25}}) {
      sample const source = arbitrary_sample(size, 2);
      extent const tile{1, 20, 24}, output{1, 8, 10};
      sample const got = gather(source, draw(pipeline<>{}, key, tile), corner, tile, output);
      auto const index = [&](int y, int x) { return extent{0, mirrored(y, size.height), mirrored(x, size.width)}; };
      for (int y = 0; y < 20; ++y)
        for (int x = 0; x < 24; ++x) {
          extent const at = index(corner.height + y, corner.width + x);
          for (int c = 0; c < 2; ++c) REQUIRE(got.input(y, x, c) == source.input(at.height, at.width, c));
        }
      for (int y = 0; y < 8; ++y)
        for (int x = 0; x < 10; ++x) {
          extent const at = index(corner.height + 6 + y, corner.width + 7 + x);
          REQUIRE(got.labels(y, x) == source.labels(at.height, at.width));
          REQUIRE(got.weights(y, x) == source.weights(at.height, at.width));
        }
    }
}

TEST_CASE("an image of its own coordinates comes out as the coordinate map") {
  extent const size{1, 300, 280}, tile{1, 64, 48}, output{1, 24, 8}, corner{0, 110, 120};
  sample source{image<float>(size, 2), label_image(size), image<float>(size)};
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x) {
      source.input(y, x, 0) = static_cast<float>(y);
      source.input(y, x, 1) = static_cast<float>(x);
      source.labels(y, x) = static_cast<std::uint8_t>((y * 7 + x * 13) % 251);
      source.weights(y, x) = static_cast<float>(2 * y - x);
    }
  auto const maps = elastic{.sigma = 4} | rotate{} | shift{} | mirror{} | scale{};
  for (std::uint32_t step = 0; step < 5; ++step) {
    auto const drawn = draw(maps, {21, step, 0}, tile);
    sample const got = gather(source, drawn, corner, tile, output);
    for (int y = 0; y < tile.height; ++y)
      for (int x = 0; x < tile.width; ++x) {
        position const at = drawn.coordinate(static_cast<float>(y), static_cast<float>(x));
        // Sources are below 300 and spaced 1 apart: position and mixes round by at most a few 2^-16.
        REQUIRE(std::abs(got.input(y, x, 0) - (at.y + 110)) < 2e-4f);
        REQUIRE(std::abs(got.input(y, x, 1) - (at.x + 120)) < 2e-4f);
        int const ly = y - 20, lx = x - 20;
        if (!output.contains(0, ly, lx)) continue;
        int const ny = static_cast<int>(std::floor(at.y + .5f)) + 110,
                  nx = static_cast<int>(std::floor(at.x + .5f)) + 120;
        REQUIRE(int{got.labels(ly, lx)} == (ny * 7 + nx * 13) % 251);
        REQUIRE(std::abs(got.weights(ly, lx) - (2 * (at.y + 110) - (at.x + 120))) < 1e-3f);
      }
  }
}

TEST_CASE("quarter turns of a square tile are exact, clockwise, at even and odd sizes") {
  for (int const n : {1, 6, 7}) {
    extent const size{1, n, n};
    sample const source = arbitrary_sample(size);
    auto const turned = [&](float degrees) {
      return gather(source, draw(turn_by(degrees), key, size), {0, 0, 0}, size, size);
    };
    for (int y = 0; y < n; ++y)
      for (int x = 0; x < n; ++x) {
        int const by = n - 1 - y, bx = n - 1 - x;
        for (float const whole : {0.f, 360.f, -720.f}) {
          CHECK(turned(90 + whole).input(y, x) == source.input(bx, y));
          CHECK(turned(180 + whole).labels(y, x) == source.labels(by, bx));
          CHECK(turned(270 + whole).input(y, x) == source.input(x, by));
          CHECK(turned(-90 + whole).labels(y, x) == source.labels(x, by));
        }
      }
  }
}

TEST_CASE("whole shifts are exact") {
  sample const source = arbitrary_sample({1, 31, 29});
  extent const tile{1, 11, 12};
  auto const drawn = draw(shift{.pixels = 9, .whole = true}, key, tile);
  auto const by = drawn.first.by;
  REQUIRE(by.y == std::round(by.y));
  REQUIRE(by.y != 0);
  sample const moved = gather(source, drawn, {0, 10, 9}, tile, tile);
  extent const from{0, 10 - static_cast<int>(by.y), 9 - static_cast<int>(by.x)};
  sample const window = gather(source, draw(pipeline<>{}, key, tile), from, tile, tile);
  CHECK(same_bits(moved.input, window.input));
  CHECK(same_bits(moved.labels, window.labels));
  CHECK(same_bits(moved.weights, window.weights));
}

TEST_CASE("same key, same bits, whatever the order and the number of threads") {
  sample const source = arbitrary_sample({1, 90, 70}, 2);
  extent const tile{1, 61, 83}, output{1, 21, 43};
  auto const maps = elastic{} | rotate{} | shift{} | mirror{} | scale{} | grey{};
  for (auto const how : {sampling::linear, sampling::cubic}) {
    sample const expected = gather(source, draw(maps, key, tile), {0, 3, -8}, tile, output, serial_for{}, how);
    auto const agrees = [&](auto const& for_each) {
      sample const got = gather(source, draw(maps, key, tile), {0, 3, -8}, tile, output, for_each, how);
      CHECK(same_bits(got.input, expected.input));
      CHECK(same_bits(got.labels, expected.labels));
      CHECK(same_bits(got.weights, expected.weights));
    };
    agrees(backwards{});
    agrees(leaping{});
    agrees(threaded{});
    sample const other = gather(source, draw(maps, {21, 5, 0}, tile), {0, 3, -8}, tile, output, serial_for{}, how);
    CHECK_FALSE(same_bits(other.input, expected.input));
  }
}

TEST_CASE("many pixels at once are filled as each alone, inside the source, across its border and in volumes") {
  for (auto const& [size, tile, output, corner] :
       {std::array{extent{1, 90, 70}, extent{1, 19, 43}, extent{1, 13, 39}, extent{0, 30, 15}},
        std::array{extent{1, 41, 37}, extent{1, 24, 28}, extent{1, 16, 20}, extent{0, 5, -3}},
        std::array{extent{5, 30, 30}, extent{3, 9, 17}, extent{1, 5, 13}, extent{1, 8, 6}}}) {
    sample source = arbitrary_sample(size, 2);
    random_stream const random{8, purpose::example_data};
    for (std::size_t i = 0; i < source.input.data.size(); ++i) source.input.data[i] = random.uniform(i, -1, 1);
    auto const drawn = draw(elastic{.sigma = 3} | rotate{} | shift{.pixels = 4} | mirror{} | grey{}, key, tile);
    sample const together = gather(source, drawn, corner, tile, output);
    sample alone{image<float>(tile, 2), label_image(output), image<float>(output)};
    extent const halo{(tile.depth - output.depth) / 2, (tile.height - output.height) / 2,
                      (tile.width - output.width) / 2};
    gather_pixel<std::remove_const_t<decltype(drawn)>> const pixel{
        {source_of(source), target_of(alone), drawn, corner, halo, sampling::linear}};
    for (std::int64_t i = 0; i < tile.volume(); ++i) pixel(i);
    // The same operations, contracted otherwise perhaps: some 70 on coordinates below 128, of an image that changes by
    // at most 2 from pixel to pixel along each of two axes; gamma, slope and noise stretch that by less than 2.
    double const bound = 2 * 2 * 2 * 70 * 128 * 0x1p-24;
    int differ = 0;
    for (std::size_t i = 0; i < alone.input.data.size(); ++i)
      CHECK(std::abs(double{alone.input.data[i]} - together.input.data[i]) <= bound);
    for (std::size_t i = 0; i < alone.labels.data.size(); ++i) differ += alone.labels.data[i] != together.labels.data[i];
    CHECK(differ <= 2);  // where a place lies so near to the middle between two pixels
  }
}

TEST_CASE("every pixel of the target is written, and none around it") {
  sample const source = arbitrary_sample({1, 20, 20});
  std::vector<float> input(7 * 9 + 2, 1e30f), weights(3 * 5 + 2, 1e30f);
  std::vector<std::uint8_t> labels(3 * 5 + 2, 254);
  sample_source from = source_of(source);
  label_image const ones({1, 20, 20}, 1, 1);
  from.labels = ones.view();
  gather(from, draw(elastic{} | rotate{}, key, {1, 7, 9}), {0, 5, 5},
         {{input.data() + 1, {1, 7, 9}, 1}, {labels.data() + 1, {1, 3, 5}, 1}, {weights.data() + 1, {1, 3, 5}, 1}});
  CHECK(input.front() == 1e30f);
  CHECK(input.back() == 1e30f);
  CHECK(std::count(input.begin(), input.end(), 1e30f) == 2);
  CHECK(weights.front() == 1e30f);
  CHECK(weights.back() == 1e30f);
  CHECK(std::count(weights.begin(), weights.end(), 1e30f) == 2);
  CHECK(labels.front() == 254);
  CHECK(labels.back() == 254);
  CHECK(std::count(labels.begin(), labels.end(), 1) == 15);
}

TEST_CASE("without weights in the source, those asked for are 1, and a sample of its own has none") {
  sample source = arbitrary_sample({1, 9, 9});
  source.weights = {};
  extent const tile{1, 5, 5}, output{1, 3, 3};
  CHECK(gather(source, draw(rotate{}, key, tile), {0, 2, 2}, tile, output).weights.empty());
  sample out{image<float>(tile), label_image(output), image<float>(output, 1, -7)};
  gather(source_of(source), draw(rotate{}, key, tile), {0, 2, 2}, target_of(out));
  CHECK(out.weights.data == std::vector<float>(9, 1.f));
}

TEST_CASE("a volume keeps its slices under maps within slices, and moves them under those along depth") {
  sample const source = arbitrary_sample({5, 6, 6});
  extent const size = source.input.size;
  sample const turned = gather(source, draw(turn_by(90), key, size), {0, 0, 0}, size, size);
  sample const moved = gather(source, draw(move_by{2, 0, 0}, key, size), {0, 0, 0}, size, size);
  for (int z = 0; z < 5; ++z) {
    CHECK(turned.input(z, 1, 2, 0) == source.input(z, 3, 1, 0));
    CHECK(moved.labels(z, 1, 2, 0) == source.labels(mirrored(z - 2, 5), 1, 2, 0));
  }
}

TEST_CASE("parts that do not fit are an exception that says which") {
  sample const source = arbitrary_sample({1, 9, 8});
  auto const drawn = draw(pipeline<>{}, key, {1, 5, 5});
  auto const with = [&](sample const& from, extent tile, extent output) {
    return gather(from, drawn, {0, 0, 0}, tile, output);
  };
  CHECK_THROWS_WITH(with(source, {1, 5, 5}, {1, 4, 4}), doctest::Contains("labels of 4 x 4 do not lie in the middle"));
  CHECK_THROWS_WITH(with(source, {1, 5, 5}, {1, 7, 7}), doctest::Contains("of a tile of 5 x 5"));
  CHECK_THROWS_WITH(with(sample{}, {1, 5, 5}, {1, 5, 5}), doctest::Contains("the source image has no pixels"));
  CHECK_THROWS_WITH(with(source, {1, 0, 5}, {1, 0, 5}), doctest::Contains("the tile has no pixels"));
  sample wrong = source;
  wrong.labels = label_image({1, 8, 9});
  CHECK_THROWS_WITH(with(wrong, {1, 5, 5}, {1, 5, 5}),
                    doctest::Contains("the labels measure 8 x 9 and the image 9 x 8"));
  wrong = source;
  wrong.weights = image<float>({1, 9, 7});
  CHECK_THROWS_WITH(with(wrong, {1, 5, 5}, {1, 5, 5}), doctest::Contains("the weights measure 9 x 7"));
  sample two_channels{image<float>({1, 5, 5}, 2), {}, {}};
  CHECK_THROWS_WITH(gather(source_of(source), drawn, {0, 0, 0}, target_of(two_channels)),
                    doctest::Contains("the source image has 1 channels and the tile 2"));
}
