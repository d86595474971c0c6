// Tiles cover every image exactly once, on the pooling grid of the model.
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include <oxbow/core/mirror.hpp>
#include <oxbow/core/random.hpp>
#include <oxbow/predict/tiling.hpp>

using namespace oxbow;

namespace {

// The paper's tile: 388 output pixels are 24 · 16 + 4, so tiles follow each other by 384.
constexpr tile_facts paper{{1, 572, 572}, {1, 388, 388}, {0, 92, 92}, {0, 0, 0}, 16};
static_assert(tiling(paper, {1, 512, 512}).count() == 4);
static_assert(tiling(paper, {1, 388, 388}).count() == 1);
static_assert(tiling(paper, {1, 389, 388}).count() == 2);
static_assert(tiling(paper, {30, 512, 512}).count() == 120, "a 2-D model takes a stack slice by slice");
static_assert(tiling(paper, {1, 512, 512})[3].input == extent{0, 384 - 92, 384 - 92});
static_assert(tiling(paper, {1, 512, 512})[3].size == extent{1, 128, 128});

// A padded net whose padding comes in by 46 pixels keeps 256 − 2 · 48 = 160 pixels of a tile.
struct small {
  static constexpr extent tile{1, 256, 256}, output = tile, halo{0, 0, 0}, padding_reach{0, 46, 46};
  static constexpr int alignment = 8;
  static constexpr bool keeps_scale = true;
};
constexpr tile_facts padded = facts_of<small>();
static_assert(padded.margin == extent{0, 48, 48});
static_assert(tiling(padded, {1, 160, 161}).count() == 2);
static_assert(tiling(padded, {1, 160, 161})[1].input == extent{0, -48, 112});
static_assert(tiling(padded, {1, 160, 161})[1].offset == extent{0, 48, 48});

/// Bounces between the borders one pixel at a time.
int walk(int at, int size) {
  int place = 0, direction = 1;
  for (int i = 0; i < (at < 0 ? -at : at); ++i) {
    if (size == 1) break;
    if (place + direction < 0 || place + direction >= size) direction = -direction;
    place += direction;
  }
  return place;
}

void check_cover(tile_facts const& model, extent image) {
  CAPTURE(size_text(image));
  std::vector<int> times(static_cast<std::size_t>(image.volume()), 0);
  tiling const tiles(model, image);
  extent const first = tiles[0].input;
  for (std::int64_t i = 0; i < tiles.count(); ++i) {
    placed_tile const t = tiles[i];
    for (int axis = 0; axis < 3; ++axis) {
      REQUIRE((t.input[axis] - first[axis]) % model.step_unit(axis) == 0);
      REQUIRE(t.offset[axis] >= model.margin[axis]);
      REQUIRE(t.offset[axis] + t.size[axis] <= model.output[axis] - model.margin[axis]);
      // A trusted pixel lies where the model puts it: halo pixels into its tile.
      REQUIRE(t.from[axis] == t.input[axis] + model.halo[axis] + t.offset[axis]);
      REQUIRE(t.size[axis] >= 1);
    }
    for (int z = 0; z < t.size.depth; ++z)
      for (int y = 0; y < t.size.height; ++y)
        for (int x = 0; x < t.size.width; ++x) {
          REQUIRE(image.contains(t.from.depth + z, t.from.height + y, t.from.width + x));
          ++times[static_cast<std::size_t>(image.index(t.from.depth + z, t.from.height + y, t.from.width + x))];
        }
  }
  bool once = true;
  for (int n : times) once = once && n == 1;
  CHECK(once);
}

std::string message_of(tile_facts const& model, extent image) {
  try {
    tiling const t(model, image);
  } catch (std::invalid_argument const& e) {
    return e.what();
  }
  return {};
}

}  // namespace

TEST_CASE("mirroring bounces at both borders without repeating the edge, at any distance") {
  for (int size : {1, 2, 3, 7})
    for (int at = -40; at <= 40; ++at) {
      // Left of zero the image reads as it does to the right, by symmetry about pixel 0.
      CAPTURE(size);
      CAPTURE(at);
      CHECK(mirrored(at, size) == walk(at, size));
    }
  CHECK(mirrored(std::int64_t{1} << 40, 3) == 0);  // 2^40 is a multiple of the period 4
  static_assert(mirrored(-1, 5) == 1 && mirrored(5, 5) == 3);
}

TEST_CASE("every pixel of every image is in exactly one trusted region") {
  random_stream const r{3, purpose::example_data, 0, 1};
  std::uint64_t n = 0;
  auto const below = [&](int bound) { return static_cast<int>(r.below(n++, static_cast<std::uint32_t>(bound))); };
  for (int k = 0; k < 300; ++k) {
    int const alignment = 1 << below(4);
    tile_facts m{.alignment = alignment};
    for (int axis = below(2); axis < 3; ++axis) {
      m.margin[axis] = below(3) * alignment;
      m.halo[axis] = below(9);
      m.output[axis] = 2 * m.margin[axis] + alignment + below(20);
    }
    for (int axis = 0; axis < 3; ++axis) m.tile[axis] = m.output[axis] + 2 * m.halo[axis];
    check_cover(m, {1 + below(12), 1 + below(50), 1 + below(50)});
  }
  check_cover(paper, {1, 1, 1});
  check_cover(paper, {2, 700, 1});
}

TEST_CASE("a tile that is too small is refused with the smallest one that is enough") {
  tile_facts const small{{1, 64, 64}, {1, 64, 64}, {0, 0, 0}, {0, 48, 48}, 16};
  std::string const text = message_of(small, {1, 100, 30});
  CAPTURE(text);
  CHECK(text.find("64 x 64") != std::string::npos);
  CHECK(text.find("at least 112 high") != std::string::npos);  // 2 · 48 + 16
  tile_facts enough = small;
  enough.tile = enough.output = {1, 112, 112};
  CHECK_NOTHROW(tiling(enough, {1, 100, 30}));
  enough.tile = enough.output = {1, 96, 112};
  CHECK_THROWS_AS(tiling(enough, {1, 100, 30}), std::invalid_argument);

  // The smallest tile of the paper's net gives 4 × 4 pixels: too few to step by 16, enough for a small image.
  tile_facts const least{{1, 188, 188}, {1, 4, 4}, {0, 92, 92}, {0, 0, 0}, 16};
  CHECK(message_of(least, {1, 4, 4}).empty());
  CHECK(message_of(least, {1, 5, 4}).find("at least 204 high") != std::string::npos);
  CHECK(message_of(least, {1, 4, 5}).find("at least 204 wide") != std::string::npos);
  CHECK(message_of(least, {1, 0, 5}).find("no pixels") != std::string::npos);
}
