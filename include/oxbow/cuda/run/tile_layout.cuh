// How a step is cut into tiles, and where its patches lie in shared memory.
#pragma once
#include <algorithm>
#include <span>
#include <stdexcept>
#include <string>

#include <oxbow/cuda/run/tile_step.cuh>

namespace oxbow::on_cuda {

/// Chooses the tile of a step and writes the places of patches into its ops. Depends on the step's shape alone, and on
/// how much shared memory a block may have.
class tile_layout {
 public:
  /// fixed: bytes of shared memory ahead of the patches; most: in all, on this device.
  /// throws  std::runtime_error where the smallest tile needs more
  tile_layout(op_kinds const& kinds, std::span<tile_op> ops, extent unit, std::size_t fixed, int most,
              std::string const& what)
      : kinds_{kinds}, ops_{ops}, fixed_{fixed} {
    tile_op const& a = ops[static_cast<std::size_t>(kinds.anchor)];
    choose_in_place();
    tiles = {.tile = {4, 4, 4}, .size = a.out_size, .channel_tile = a.out_channels, .channels = a.out_channels};
    if (a.out_size.depth == 1) tiles.tile = {1, 8, 8};
    if (!mixes_channels()) tiles.channel_tile = std::min(2 * layout::block, blocks_up(a.out_channels));
    for (int i = 0; i < 3; ++i) tiles.tile[i] = std::min(up_to(tiles.tile[i], unit[i]), up_to(a.out_size[i], unit[i]));
    while (measure() > comfortable && shrink(unit)) {
    }
    if (bytes > static_cast<std::size_t>(most))
      throw std::runtime_error("cuda: " + what + " needs " + std::to_string(bytes) +
                               " bytes of shared memory for its smallest tile, and a block of this device has " +
                               std::to_string(most) + ". Use fewer channels in front of the 1x1 convolution.");
  }

  step_tiles tiles{};
  std::size_t bytes = 0;

 private:
  static constexpr std::size_t comfortable = 40 * 1024;  // four blocks and more on a multiprocessor

  static int up_to(int n, int unit) { return (n + unit - 1) / unit * unit; }
  static int blocks_up(int channels) { return up_to(channels, layout::block); }

  /// A head or a loss needs all channels of its pixel.
  bool mixes_channels() const {
    for (int i = kinds_.anchor; i < kinds_.count; ++i)
      if (op_kind const k = kinds_[i]; k == op_kind::loss || (i > kinds_.anchor && k == op_kind::convolve)) return true;
    return false;
  }

  bool shrink(extent unit) {
    int longest = 0;
    for (int i = 1; i < 3; ++i)
      if (tiles.tile[i] / unit[i] > tiles.tile[longest] / unit[longest]) longest = i;
    if (tiles.tile[longest] > unit[longest]) {
      tiles.tile[longest] = up_to((tiles.tile[longest] + 1) / 2, unit[longest]);
      return true;
    }
    if (mixes_channels() || tiles.channel_tile <= layout::block) return false;
    tiles.channel_tile = blocks_up(tiles.channel_tile / 2);
    return true;
  }

  /// An elementwise op overwrites its input's patch unless somebody reads that later.
  void choose_in_place() {
    int alias[tile_extents::most_ops];
    for (int i = 0; i < kinds_.count; ++i) {
      bool const part = kinds_.is_part(i);
      alias[i] = part ? ops_[static_cast<std::size_t>(i)].in[0].made : i;
      if (part) alias[i] = alias[alias[i]];
    }
    for (int i = 0; i < kinds_.count; ++i) {
      tile_op& o = ops_[static_cast<std::size_t>(i)];
      op_kind const k = kinds_[i];
      int const m = o.in[kinds_.main_input(o, i)].made;
      o.in_place = (is_elementwise(k) || k == op_kind::loss) && m != none && m < i;
      for (int j = i; j < kinds_.count && o.in_place; ++j)
        for (int n = 0; n < 4; ++n) {
          int const reads = ops_[static_cast<std::size_t>(j)].in[n].made;
          bool const its_own = j == i && n == kinds_.main_input(o, i);
          if (reads != none && !its_own && alias[reads] == alias[m]) o.in_place = 0;
        }
      if (o.in_place) alias[i] = alias[m];
    }
  }

  /// Lays the patches out one after the other, each as large as the tile that needs most. Tiles of one size need not
  /// read as much: strides, poolings and borders meet them in another phase.
  std::size_t measure() {
    std::int64_t most[tile_extents::most_ops][3] = {};
    for (std::int64_t t = 0; t < tiles.boxes(); ++t) {
      tile_extents const e{kinds_, ops_.data(), tiles.at(t), tiles.range(0)};
      for (int i = 0; i < kinds_.count; ++i) {
        tile_op const& o = ops_[static_cast<std::size_t>(i)];
        op_kind const k = kinds_[i];
        bool const part = kinds_.is_part(i);
        std::int64_t const pixels = e.where[i].empty() ? 0 : e.where[i].size.volume();
        std::int64_t const need[3] = {part || o.in_place ? 0 : pixels * e.channels[i].count, scratch_of(o, k, e, i),
                                      k == op_kind::loss                           ? pixels
                                      : k == op_kind::max_pool && o.out[1] != none ? pixels * e.channels[i].count
                                                                                   : 0};
        for (int n = 0; n < 3; ++n) most[i][n] = std::max(most[i][n], need[n]);
      }
    }
    std::int64_t next = 0;
    for (int i = 0; i < kinds_.count; ++i) {
      int* const at[3] = {&ops_[static_cast<std::size_t>(i)].patch, &ops_[static_cast<std::size_t>(i)].scratch,
                          &ops_[static_cast<std::size_t>(i)].second};
      for (int n = 0; n < 3; ++n) *at[n] = static_cast<int>(next), next += most[i][n];
    }
    return bytes = fixed_ + static_cast<std::size_t>(next) * sizeof(float);
  }

  static std::int64_t scratch_of(tile_op const& o, op_kind k, tile_extents const& e, int i) {
    int const chunk = std::min(o.in_channels, static_cast<int>(layout::block));
    box const within = intersection(e.where[i], {{0, 0, 0}, o.out_size});
    if (is_convolution(k) && o.in[0].made == none)
      return within.empty() ? 0 : read_box(o.taps, within).size.volume() * chunk;
    if (k == op_kind::up_convolve) return divided(e.where[i], o.stride).size.volume() * chunk;
    if (k == op_kind::norm || k == op_kind::norm_running || k == op_kind::norm_grad)
      return std::int64_t{3} * e.channels[i].count;
    return 0;
  }

  op_kinds kinds_;
  std::span<tile_op> ops_;
  std::size_t fixed_;
};

}  // namespace oxbow::on_cuda
