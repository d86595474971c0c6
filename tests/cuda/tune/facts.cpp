// The rules that choose tiles: sound for every shape, and what they are to be for the network of the paper. No GPU.
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <oxbow/cuda/tile/packing.hpp>
#include <oxbow/cuda/tune/conv_tile.hpp>
#include <oxbow/cuda/tune/grad_tile.hpp>
#include <oxbow/cuda/tune/stream_k.hpp>
#include <oxbow/cuda/tune/window_tile.hpp>
using namespace oxbow::on_cuda;

namespace {

// The seventeen 3×3 convolutions above the first of the network of the paper, 572 → 388.
constexpr conv_shape paper[] = {
    {568, 568, 64, 0, 64},     {282, 282, 64, 0, 128},    {280, 280, 128, 0, 128},   {138, 138, 128, 0, 256},
    {136, 136, 256, 0, 256},   {66, 66, 256, 0, 512},     {64, 64, 512, 0, 512},     {30, 30, 512, 0, 1024},
    {28, 28, 1024, 0, 1024},   {54, 54, 512, 512, 512},   {52, 52, 512, 0, 512},     {102, 102, 256, 256, 256},
    {100, 100, 256, 0, 256},   {198, 198, 128, 128, 128}, {196, 196, 128, 0, 128},   {390, 390, 64, 64, 64},
    {388, 388, 64, 0, 64}};
constexpr conv_shape backward(conv_shape const& s) {
  return {s.height + 2, s.width + 2, s.outputs, 0, s.first + s.second, 2, beyond::zeros};
}

/// Microseconds at the tensor cores' full rate.
constexpr double floor_of(conv_shape const& s, chip const& c) {
  return 9. * (s.first + s.second) * s.outputs * s.height * s.width / 2048 / c.mma_per_cycle / c.clock /
         c.multiprocessors * 1e6;
}

// A function of its arguments alone, in a constant expression.
static_assert(tune::pick(paper[0], sm90::limits) == conv_tile{8, 1, 1, 4, 1, 8, 3, 0, true, 2});
// What an architecture does not say it has from its parent.
static_assert(sm100::limits.clock == sm90::limits.clock && sm90::limits.clock != sm80::limits.clock);
// The halves of a packed octet of a warp: see packing.hpp.
static_assert(pack_forward(64, 32, 64, 0, 64, 3, 3).element(0) == 0);
static_assert(pack_forward(64, 32, 64, 0, 64, 3, 3).element(1) == 9);          // the next input channel
static_assert(pack_forward(64, 32, 64, 0, 64, 3, 3).element(4) == 2 * 64 * 9); // the next n-tile: output 2
static_assert(pack_grad(64, 32, 64, 0, 64, 3, 3).element(0) == 8);             // the window is turned
static_assert(pack_forward(32, 32, 3, 0, 3, 3, 3).element(8 * 2) == -1);       // input channel 4 of 3

void check_sound(conv_shape const& s, chip const& c, tune::tile_need need) {
  conv_tile const t = tune::pick(s, c, need);
  REQUIRE(t.threads() > 0);
  CHECK(tune::is_sound(s, t, c));
  // the chips of an A100's generation, which have less, run what is picked for one
  if (c.multiprocessors == sm80::limits.multiprocessors) CHECK(t.shared_bytes() <= 99 * 1024);
  if (need == tune::tile_need::nothing) return;
  CHECK(t.warps_k == 1);
  CHECK(t.outputs() >= s.outputs);
  CHECK(t.grid == 0);
}

/// Is place() the inverse of element() for all weights of this layer?
bool finds_its_weights(packing const& p) {
  for (std::int64_t i = 0; i < p.size(); ++i) {
    std::int64_t const element = p.element(i), window = p.window();
    if (element < 0) continue;
    std::int64_t const high = p.out_is_row ? p.out_stride : p.in_stride;
    auto const row = static_cast<int>(element / high), column = static_cast<int>(element % high / window);
    if (p.place(p.out_is_row ? row : column, p.out_is_row ? column : row, static_cast<int>(element % window)) != i)
      return false;
  }
  return true;
}
packing of_tf32(packing p) { return p.step_inputs = 8, p; }

}  // namespace

TEST_CASE("a weight is found where it has been packed") {
  CHECK(finds_its_weights(pack_forward(64, 32, 3, 5, 9, 3, 3)));
  CHECK(finds_its_weights(pack_grad(32, 32, 3, 5, 9, 2, 3)));
  CHECK(finds_its_weights(pack_up(64, 32, 9, 17, 2, 2)));
  CHECK(finds_its_weights(pack_up_grad(32, 32, 9, 17, 2, 2)));
  CHECK(finds_its_weights(of_tf32(pack_forward(32, 16, 3, 5, 9, 3, 3))));
}
TEST_CASE("the tiles of the paper's network waste little") {
  for (chip const& c : {sm80::limits, sm90::limits})
    for (bool back : {false, true}) {
      double bound = 0, least = 0, handed = 0;
      for (conv_shape const& forward : paper) {
        conv_shape const s = back ? backward(forward) : forward;
        conv_tile const t = tune::pick(s, c);
        REQUIRE(tune::is_sound(s, t, c));
        auto const cost = tune::cost_of(s, t, c);
        bound += cost.tensor, least += floor_of(s, c);
        // limits, by counts, that the present choices keep
        CHECK(cost.shared <= cost.tensor * (c.multiprocessors == 108 ? 0.95 : 1.2));
        CHECK(cost.l2 <= 1.05 * cost.tensor);
        CHECK(cost.time < 3 * cost.tensor);
        handed += tune::handed_over(s, t);
      }
      CHECK(handed < (c.multiprocessors == 108 ? 90e6 : 220e6));
      CHECK(bound < 1.15 * least);
    }
}

TEST_CASE("what blocks hand over is counted right") {
  std::mt19937 random{11};
  auto const number = [&](int low, int high) { return std::uniform_int_distribution<int>{low, high}(random); };
  for (int trial = 0; trial < 200; ++trial) {
    conv_shape const s{number(8, 90), number(8, 90), 32 * number(1, 12), 0, 32 * number(1, 8)};
    conv_tile t{8, 1, 1, 4, 1, 4, 3};
    t.grid = number(1, 260);
    int const tiles = t.tiles(s), chunks = s.chunks(), split = tune::split_tiles(tiles, t.grid, chunks);
    if (split * chunks < t.grid) continue;  // not sound
    // block b has the units [b · work / grid, (b + 1) · work / grid)
    int sums = 0;
    for (int tile = 0; tile < split; ++tile)
      for (int b = 0; b < t.grid; ++b) {
        long const work = long{split} * chunks, from = b * work / t.grid, to = (b + 1) * work / t.grid;
        sums += from > long{tile} * chunks && from < long{tile + 1} * chunks && to > from;
      }
    INFO(tiles, " tiles of ", chunks, " chunks for ", t.grid);
    CHECK(tune::handed_over(s, t) == 8. * sums * t.height() * t.width() * t.outputs());
  }
}

TEST_CASE("every shape has a tile, however small or odd") {
  for (int size : {1, 2, 3, 5, 8, 17, 100})
    for (int inputs : {1, 3, 32, 40, 200})
      for (int outputs : {1, 8, 24, 33, 64, 96, 1000}) {
        INFO(size, ": ", inputs, " to ", outputs);
        check_sound({size, size + 1, inputs, 0, outputs}, sm80::limits, tune::tile_need::nothing);
        check_sound({size, size + 1, inputs, inputs, outputs, 1, beyond::zeros}, sm90::limits,
                    tune::tile_need::nothing);
        if (outputs > 64) continue;
        check_sound({size, size + 1, inputs, 0, outputs}, sm80::limits, tune::tile_need::whole_outputs);
        check_sound({size, size + 1, inputs, 0, outputs}, sm80::limits, tune::tile_need::whole_and_room);
      }
}

TEST_CASE("weight gradients have patches that fit, and two blocks fit a multiprocessor") {
  for (chip const& c : {sm80::limits, sm90::limits})
    for (conv_shape const& s : paper) {
      grad_tile const t = tune::pick_grad(s, c);
      CHECK(2 * (t.stages * t.stage_bytes() + 2048) <= c.shared);
      CHECK(t.stages >= 2);
      CHECK(tune::patches(s, t.rows) * t.rows * 8 <= 1.2 * s.height * s.width);
    }
}

TEST_CASE("a stream of tiles is shared out once and evenly") {
  std::mt19937 random{7};
  auto const number = [&](int low, int high) { return std::uniform_int_distribution<int>{low, high}(random); };
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<stream_job> jobs(static_cast<std::size_t>(number(1, 5)));
    std::int64_t all = 0, longest = 0;
    for (stream_job& j : jobs) {
      j = {number(1, 40), number(1, trial % 3 == 0 ? 300 : 12), number(1, 3000), number(0, 6000)};
      all += j.tiles * (j.patches * j.patch + j.tile);
      longest = std::max(longest, j.patch + j.tile);
    }
    int const most = number(1, 264), least = number(1, 6000);
    CAPTURE(trial);
    auto const shares = tune::share_out(jobs, most, least);
    REQUIRE(shares.blocks() >= 1);
    CHECK(shares.blocks() <= most);
    CHECK((shares.blocks() == 1 || all / shares.blocks() >= 4 * least));
    REQUIRE(shares.first_of.front() == 0);
    REQUIRE(shares.first_of.back() == static_cast<int>(shares.segments.size()));
    // all patches in their order, none twice
    std::size_t job = 0;
    int tile = 0, at = 0, wrong = 0;
    for (int block = 0; block < shares.blocks(); ++block) {
      int const begin = shares.first_of[static_cast<std::size_t>(block)],
                end = shares.first_of[static_cast<std::size_t>(block) + 1];
      CHECK(begin < end);
      std::int64_t work = 0;
      for (int i = begin; i < end; ++i) {
        stream_segment const& s = shares.segments[static_cast<std::size_t>(i)];
        stream_job const& j = jobs[static_cast<std::size_t>(s.job)];
        wrong += s.job != static_cast<int>(job) || s.tile != tile || s.from != at || s.to <= s.from || s.to > j.patches;
        // who shares it: the blocks from the one that has its beginning to the one that has its end
        wrong += s.first > block || s.last < block || (s.from == 0) != (s.first == block) ||
                 (s.to == j.patches) != (s.last == block);
        // only the first tile goes on, and only the last is left to others
        wrong += (s.from > 0 && i != begin) || (s.to < j.patches && i != end - 1);
        work += (s.to - s.from) * j.patch + (s.to == j.patches ? j.tile : 0);
        at = s.to;
        if (at == j.patches) at = 0, ++tile;
        if (tile == j.tiles) tile = 0, ++job;
      }
      // an equal part, but for what is not cut: a patch, the end of a tile, and the least worth cutting, at both ends
      CHECK(work <= all / shares.blocks() + 2 * (longest + least));
    }
    CHECK(wrong == 0);
    CHECK(job == jobs.size());
  }
}
TEST_CASE("the gradients of the paper's network are shared out within two in a hundred") {
  std::vector<stream_job> jobs;
  std::int64_t all = 0;
  for (conv_shape const& s : paper) {
    grad_tile const t = tune::pick_grad(s, sm80::limits);
    jobs.push_back({tune::grad_tiles(s), tune::patches(s, t.rows), tune::patch_cycles(t, sm80::limits),
                    tune::grad_tile_cycles});
    all += jobs.back().tiles * (jobs.back().patches * jobs.back().patch + jobs.back().tile);
  }
  auto const shares = tune::share_out(jobs, 216, tune::grad_tile_cycles);
  CHECK(shares.blocks() == 216);
  for (int block = 0; block < 216; ++block) {
    std::int64_t work = 0;
    for (int i = shares.first_of[static_cast<std::size_t>(block)];
         i < shares.first_of[static_cast<std::size_t>(block) + 1]; ++i) {
      stream_segment const& s = shares.segments[static_cast<std::size_t>(i)];
      work += (s.to - s.from) * jobs[static_cast<std::size_t>(s.job)].patch + tune::grad_tile_cycles;
    }
    CHECK(static_cast<double>(work) < 1.02 * static_cast<double>(all) / 216);
  }
}

TEST_CASE("up-convolutions get a tile that fills the chip") {
  constexpr window_shape up{.height = 28, .width = 28, .first = 1024, .second = 0, .outputs = 512, .phases_y = 2,
                            .phases_x = 2};
  window_tile const t = tune::pick(up, sm80::limits);
  CHECK(t.chunk == 64);
  CHECK(tune::blocks(up, t) <= 2 * 108);
}
