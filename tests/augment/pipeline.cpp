// The laws of composition.
#include <doctest/doctest.h>

#include <oxbow/augment/elastic.hpp>
#include <oxbow/augment/grey.hpp>
#include <oxbow/train/augmentation.hpp>

#include "common.hpp"

using namespace oxbow;
using namespace oxbow::test;

namespace {

constexpr random_key key{7, 3, 1};

template <class Maps> sample whole(sample const& source, Maps const& maps) {
  extent const size = source.input.size;
  return gather(source, draw(maps, key, size), {0, 0, 0}, size, size);
}

bool same(sample const& a, sample const& b) {
  return same_bits(a.input, b.input) && same_bits(a.labels, b.labels) && same_bits(a.weights, b.weights);
}

}  // namespace

static_assert(std::is_same_v<decltype(elastic{} | rotate{} | shift{}), pipeline<elastic, rotate, shift>>);
static_assert(std::is_same_v<decltype((elastic{} | rotate{}) | (shift{} | grey{})),
                             decltype(elastic{} | (rotate{} | (shift{} | grey{})))>);

// Kernels take what is drawn by value, and their arguments end at 4 kB.
using everything = decltype(draw(elastic{} | rotate{} | shift{} | mirror{} | scale{} | grey{}, key, extent{}));
static_assert(std::is_trivially_copyable_v<everything> && std::is_standard_layout_v<drawn_elastic>);
static_assert(std::is_trivially_copyable_v<gather_pixel<everything>> && sizeof(gather_pixel<everything>) < 4096);

TEST_CASE("an empty pipeline copies every bit, for odd sizes, one pixel and volumes") {
  for (extent const size : {extent{1, 1, 1}, extent{1, 1, 9}, extent{1, 13, 7}, extent{5, 4, 3}})
    for (int const channels : {1, 3}) {
      sample const source = arbitrary_sample(size, channels);
      for (auto const how : {sampling::linear, sampling::cubic}) {
        sample const copy = gather(source, draw(pipeline<>{}, key, size), {0, 0, 0}, size, size, serial_for{}, how);
        CHECK(same(copy, source));
      }
    }
}

TEST_CASE("maps without effect copy every bit") {
  sample const source = arbitrary_sample({1, 21, 34}, 2);
  CHECK(same(whole(source, elastic{.sigma = 0}), source));
  CHECK(same(whole(source, rotate{.from = 0, .to = 0}), source));
  CHECK(same(whole(source, turn_by(360)), source));
  CHECK(same(whole(source, shift{.pixels = 0}), source));
  CHECK(same(whole(source, mirror{0, 0, 0}), source));
  CHECK(same(whole(source, scale{.from = 1, .to = 1}), source));
  CHECK(same(whole(source, grey{.gamma = 1, .slope = 1, .offset = 0, .noise = 0}), source));
}

TEST_CASE("a | b deforms by a first: it equals the gather by b of the gather by a") {
  // Quarter turns and mirrors take the pixels of a square tile to each other, so that no border and no rounding
  // interferes; turns and mirrors do not commute, so that the order shows.
  for (int const n : {1, 2, 8, 9}) {
    sample const source = arbitrary_sample({1, n, n});
    for (float const degrees : {90.f, 180.f, 270.f})
      for (flip const f : {flip{true, false}, flip{false, true}, flip{true, true}}) {
        rotate const turn = turn_by(degrees);
        CHECK(same(whole(source, turn | f), whole(whole(source, turn), f)));
        CHECK(same(whole(source, f | turn), whole(whole(source, f), turn)));
      }
  }
  sample const source = arbitrary_sample({1, 4, 4});
  CHECK_FALSE(same(whole(source, turn_by(90) | flip{true, false}), whole(source, flip{true, false} | turn_by(90))));
}

TEST_CASE("grey values go through the pipeline from left to right") {
  grey const add{.gamma = 1, .slope = 1, .offset = 0.5f, .noise = 0},
      power{.gamma = 3, .slope = 1, .offset = 0, .noise = 0};
  auto const at = [](std::uint32_t place, grey const& g) { return g.draw(map_random{key, place}, {}); };
  CHECK(draw(add | power, key, {}).value(.25f, 0) == at(1, power).value(at(0, add).value(.25f, 0), 0));
  CHECK(draw(power | add, key, {}).value(.25f, 0) == at(1, add).value(at(0, power).value(.25f, 0), 0));
}

TEST_CASE("mirrors, half turns and opposite shifts undo themselves") {
  sample const source = arbitrary_sample({1, 12, 17});
  for (flip const f : {flip{true, false}, flip{false, true}, flip{true, true}}) {
    CHECK_FALSE(same(whole(source, f), source));
    CHECK(same(whole(source, f | f), source));
  }
  CHECK(same(whole(source, turn_by(180) | turn_by(180)), source));
  CHECK(same(whole(source, turn_by(180)), whole(source, flip{true, true})));
  CHECK(same(whole(source, move_by{0, 3, -5} | move_by{0, -3, 5}), source));
  sample const volume = arbitrary_sample({4, 5, 6});
  flip const deep{false, false, true};
  CHECK(whole(volume, deep).input(0, 2, 3, 0) == volume.input(3, 2, 3, 0));
  CHECK(same(whole(volume, deep | deep), volume));
}

TEST_CASE("a map further on leaves the draws of those before it alone, and equal maps draw differently") {
  extent const tile{1, 64, 64};
  auto const one = draw(rotate{}, key, tile);
  auto const two = draw(rotate{} | rotate{}, key, tile);
  CHECK(one.first.cosine == two.first.cosine);
  CHECK(two.first.cosine != two.rest.first.cosine);
  for (random_key const other : {random_key{8, 3, 1}, random_key{7, 4, 1}, random_key{7, 3, 2}})
    CHECK(draw(rotate{}, other, tile).first.cosine != one.first.cosine);
  CHECK(draw(rotate{}, key, tile).first.cosine == one.first.cosine);
}

TEST_CASE("pipelines and single maps are what training takes as augmentation, with the same bits") {
  sample const source = arbitrary_sample({1, 30, 41}, 2);
  extent const tile{1, 20, 24}, output{1, 8, 12}, corner{0, 4, -3};
  auto const agrees = [&](auto const& maps) {
    sample const expected = gather(source, draw(maps, key, tile), corner, tile, output);
    sample out{image<float>(tile, 2, -1), label_image(output), image<float>(output)};
    augmentation const held = maps;
    held.fill(source, key, corner, out, serial_for{});
    CHECK(same(out, expected));
  };
  agrees(elastic{.sigma = 2} | rotate{} | grey{});
  agrees(rotate{});
  agrees(pipeline<>{});
}

TEST_CASE("a field that makes no sense is an exception that names it") {
  extent const tile{1, 8, 8};
  CHECK_THROWS_WITH(draw(scale{.from = 0}, key, tile), "scale: from must be above 0, but it is 0.000000.");
  CHECK_THROWS_WITH(draw(shift{.pixels = -1}, key, tile), doctest::Contains("shift: pixels must be 0 or more"));
  CHECK_THROWS_WITH(draw(mirror{.y = 2}, key, tile), doctest::Contains("mirror: a probability must lie in 0 … 1"));
  CHECK_THROWS_WITH(draw(rotate{.from = 3, .to = 2}, key, tile), doctest::Contains("rotate: to must be at least from"));
  CHECK_THROWS_WITH(draw(grey{.gamma = 0}, key, tile), doctest::Contains("grey: gamma must be above 0"));
  CHECK_THROWS_WITH(draw(elastic{.grid = 12}, key, tile), doctest::Contains("does not fit; take 1 to 125 nodes"));
  CHECK_THROWS_WITH(draw(elastic{.grid = 0}, key, tile), doctest::Contains("a grid of 0 × 0 × 1 nodes"));
  CHECK_THROWS_WITH(draw(shift{} | grey{.white = 0}, key, tile), doctest::Contains("grey: white must be above black"));
}
