// The tiles of several jobs, cut into equal shares for the blocks of one launch.
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace oxbow::on_cuda {

/// A job's tiles are alike; each is a sum over patches.
struct stream_job {
  int tiles, patches;
  std::int64_t patch, tile;  ///< cycles of a patch, and what a tile takes besides
};

/// Patches [from, to) of a tile, for one block. Blocks first … last have all of the tile's between them, in order.
struct stream_segment {
  int job, tile, from, to;
  int first, last;
};

/// Block b has the segments [first_of[b], first_of[b + 1]).
struct stream_shares {
  std::vector<stream_segment> segments;
  std::vector<int> first_of;
  int blocks() const { return static_cast<int>(first_of.size()) - 1; }
};

namespace tune {

/// Stream-K (Osama and others, PPoPP 2023): all tiles, one after the other, are a stream of patches of which every
/// block has an equal part. No round is emptier than the others, and a block shares two tiles at most, its first one
/// and its last. In whole numbers: the same cuts everywhere, and so the same bits.
///
/// most_blocks  there are fewer where a block would have less to do than four times `least`
/// least        cycles; a tile is not cut for less, because sums have to be handed over
inline stream_shares share_out(std::vector<stream_job> const& jobs, int most_blocks, std::int64_t least) {
  std::int64_t all = 0, patches = 0;
  for (stream_job const& j : jobs)
    all += j.tiles * (j.patches * j.patch + j.tile), patches += std::int64_t{j.tiles} * j.patches;
  std::int64_t const most = std::min<std::int64_t>(most_blocks, patches);
  std::int64_t const blocks = std::clamp<std::int64_t>(all / (4 * least), 1, most);

  stream_shares s{{}, {0}};
  int block = 0;
  auto const count = [&] { return static_cast<int>(s.segments.size()); };
  auto const end_of_block = [&] {
    return block + 1 == blocks ? std::numeric_limits<std::int64_t>::max() : all * (block + 1) / blocks;
  };
  auto const next_block = [&] { ++block, s.first_of.push_back(count()); };

  std::int64_t begin = 0;  // of the tile
  for (std::size_t job = 0; job < jobs.size(); ++job) {
    stream_job const& j = jobs[job];
    std::int64_t const length = j.patches * j.patch;
    for (int tile = 0; tile < j.tiles; ++tile) {
      std::size_t const first = s.segments.size();
      for (int from = 0, to; from < j.patches; from = to) {
        std::int64_t const room = end_of_block() - begin;
        to = j.patches;
        if (room < length - least) {
          to = std::max(from, static_cast<int>((room + j.patch - 1) / j.patch));
          // no block is without a share, so that those of a tile are neighbours
          if ((to - from) * j.patch < least) to = count() > s.first_of.back() ? from : from + 1;
        }
        if (to > from) s.segments.push_back({static_cast<int>(job), tile, from, to, block, block});
        if (to < j.patches) next_block();
      }
      for (std::size_t i = first; i < s.segments.size(); ++i)
        s.segments[i].first = s.segments[first].first, s.segments[i].last = block;
      begin += length + j.tile;
      if (begin >= end_of_block()) next_block();
    }
  }
  if (count() > s.first_of.back()) next_block();
  return s;
}

}  // namespace tune
}  // namespace oxbow::on_cuda
