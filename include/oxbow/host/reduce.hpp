// Sums over the pixels of stored tensors, the same to the bit for any number of threads.
#pragma once
#include <algorithm>
#include <vector>

#include <oxbow/host/block_view.hpp>
#include <oxbow/host/sweep.hpp>
#include <oxbow/host/threads.hpp>

namespace oxbow::on_host {

/// Stored tensors, one after the other along the channels: what a plan's source shows.
struct joined {
  operand const* operands = nullptr;
  int count = 0;
};

/// Sums for the lanes of one block, taken in double.
template <int Sums> struct lane_sums {
  double of[Sums][layout::block] = {};
};

namespace detail {

/// Pixels that are gathered at a time: 32 KB of a block. Parts of the rows that threads share out: they depend on
/// the size alone, and their sums are added in their order.
inline constexpr int sum_pixels = 512, most_parts = 32;
inline int parts_of(extent size) {
  std::int64_t const rows = std::int64_t{size.depth} * size.height, enough = size.volume() / (4 * sum_pixels) + 1;
  return static_cast<int>(std::min({rows, enough, std::int64_t{most_parts}}));
}

/// Calls f(box) for boxes of at most sum_pixels pixels that are part number `part` of `parts` of the rows.
template <class F> void for_each_box(extent size, int part, int parts, F&& f) {
  std::int64_t const rows = std::int64_t{size.depth} * size.height, end = rows * (part + 1) / parts;
  std::int64_t const most = std::max(1, sum_pixels / size.width);
  for (std::int64_t r = rows * part / parts; r < end;) {
    int const z = static_cast<int>(r / size.height), y = static_cast<int>(r % size.height);
    int const n = static_cast<int>(std::min({most, end - r, std::int64_t{size.height - y}}));
    for (int x = 0; x < size.width; x += sum_pixels) f(box{{z, y, x}, {1, n, std::min(sum_pixels, size.width - x)}});
    r += n;
  }
}

/// A patch of one block of channels, to be read: where they lie, or in memory of its own.
class block_patch {
 public:
  /// Shows channels 16 · block … of what `from` shows. where: of one slice of depth
  patch const& gather_from(joined const& from, std::byte const* arena, box const& where, int block, int channels) {
    int const left = channels - block * layout::block;
    patch_ = patch::over(floats_, where, left < layout::block ? left : layout::block);
    stored_block const stored = stored_block::find(from.operands, from.count, channels, block);
    if (stored.tensor != nullptr && patch_.lanes == layout::block && stored.holds(where) &&
        (where.size.width == stored.tensor->size.width || where.size.height == 1)) {
      extent const& at = where.origin;  // nobody writes to what is shown
      patch_.data = const_cast<float*>(stored.at(arena, at.depth, at.height, at.width));
      return patch_;
    }
    gather(patch_, from.operands, from.count, arena, block * layout::block);
    return patch_;
  }

 private:
  patch patch_{};
  alignas(64) float floats_[sum_pixels * layout::block + 2 * layout::block];
};

/// Adds to sums what f(phase, in[0], in[1]…) makes of each element of n floats, an array of Sums vectors.
/// At most `run` terms are added in float before the sum goes on in double, so the error is below
/// (run + 1) · 2^−24 of the sum of the terms' absolute values.
inline constexpr int sum_run = 16;
template <class Arch, int Sums, class F, class... In>
void add_up(lane_sums<Sums>& sums, std::int64_t n, int lanes, F const& f, In const*... in) {
  constexpr int w = width_of<Arch>;
  using v = vec<Arch>;
  for (std::int64_t begin = 0; begin < n;) {
    v run[Sums][layout::block];
    for (int s = 0; s < Sums; ++s)
      for (int k = 0; k < lanes; ++k) run[s][k] = v(0.f);
    std::int64_t const end = std::min(n, begin + std::int64_t{sum_run} * lanes * w);
    std::int64_t i = begin;
    for (; i + lanes * w <= end;)
      for (int k = 0; k < lanes; ++k, i += w) {
        auto const made = f(k, v::load_unaligned(in + i)...);
        for (int s = 0; s < Sums; ++s) run[s][k] = run[s][k] + made.of[s];
      }
    for (int k = 0; i < end; ++k, i += w) {
      std::int64_t const left = std::min<std::int64_t>(w, end - i);
      auto const made = f(k, load_part<Arch>(in + i, left)...);
      for (int s = 0; s < Sums; ++s) {
        float term[w];
        made.of[s].store_unaligned(term);
        run[s][k] = run[s][k] + load_part<Arch>(term, left);  // what f made of no element does not count
      }
    }
    begin = end;
    for (int s = 0; s < Sums; ++s)
      for (int k = 0, lane = 0; k < lanes; ++k) {
        float term[w];
        run[s][k].store_unaligned(term);
        for (float const t : term) {
          sums.of[s][lane] += static_cast<double>(t);
          lane = lane + 1 == lanes ? 0 : lane + 1;
        }
      }
  }
}
template <class Arch, int Sums> struct vectors { vec<Arch> of[Sums]; };

/// Calls make(block, part, result) for all parts of all blocks on the pool's threads, then add(total, result) for the
/// parts of each block in their order; returns the totals of the blocks.
template <class Result, class Make, class Add>
std::vector<Result> over_parts(thread_pool& pool, extent size, int channels, Make const& make, Add const& add) {
  int const blocks = (channels + layout::block - 1) / layout::block, parts = parts_of(size);
  std::vector<Result> results(static_cast<std::size_t>(blocks * parts));
  pool.run(std::int64_t{blocks} * parts, [&](int, std::int64_t piece) {
    int const block = static_cast<int>(piece / parts), part = static_cast<int>(piece % parts);
    make(block, part, parts, results[static_cast<std::size_t>(piece)]);
  });
  std::vector<Result> totals(static_cast<std::size_t>(blocks));
  for (int b = 0; b < blocks; ++b)
    for (int p = 0; p < parts; ++p)
      add(totals[static_cast<std::size_t>(b)], results[static_cast<std::size_t>(b * parts + p)]);
  return totals;
}

template <int Sums> void add_sums(lane_sums<Sums>& total, lane_sums<Sums> const& more) {
  for (int s = 0; s < Sums; ++s)
    for (int lane = 0; lane < layout::block; ++lane) total.of[s][lane] += more.of[s][lane];
}

}  // namespace detail
}  // namespace oxbow::on_host
