// One op of a step as the tile kernel sees it, and which pixels and channels of its output a tile needs.
#pragma once
#include <oxbow/cuda/kernel/convolve.cuh>
#include <oxbow/lower/geometry.hpp>

namespace oxbow::on_cuda {

/// Where an input comes from: a patch made earlier in the step, or stored tensors.
struct tile_source {
  int made = none;
  int first = 0, count = 0;  ///< positions in the table of stored tensors
};

/// An instruction of the plan, with the places that the launch has laid out for it. Scalars only.
struct tile_op {
  window_taps taps{};  ///< of a convolution
  extent window{}, stride{}, border{0, 0, 0}, in_size{}, out_size{};
  int in_channels = 0, out_channels = 0;
  int groups = 0, channel = 0, linear = 0;
  float rate = 0;
  int in_place = 0;                        ///< overwrites its input's patch
  int patch = 0, scratch = 0, second = 0;  ///< floats, in shared memory: its output, what it needs besides, output 1
  int out[2] = {none, none};               ///< positions in the table of stored tensors
  int unused = 0;
  std::int64_t weights = 0, bias = none;                 ///< floats, in the packed memory
  std::int64_t parameter[4] = {none, none, none, none};  ///< elements, in the parameter arena
  tile_source in[4]{};
};

/// Channels of a value.
struct channel_range {
  int first = 0, count = 0;
};

/// The pixels of a convolution's dense input that a box of its output reads.
constexpr OXBOW_DEVICE box read_box(window_taps const& t, box const& y) {
  return before_spread(input_box({t.window, t.stride, t.dilation, t.border}, y), t.spread);
}

/// The ops of a form, as numbers: what is not worth a kernel of its own asks for them while the program runs.
struct op_kinds {
  std::uint64_t kinds = 0;  ///< as in form
  int count = 0, anchor = 0;

  constexpr explicit OXBOW_DEVICE op_kinds(std::uint64_t kinds, int count, int anchor)
      : kinds{kinds}, count{count}, anchor{anchor} {}
  constexpr OXBOW_DEVICE op_kind operator[](int i) const { return static_cast<op_kind>(kinds >> 6 * i & 63); }
  /// A crop or a slice of a patch: no patch of its own.
  constexpr OXBOW_DEVICE bool is_part(int i) const {
    return i != anchor && ((*this)[i] == op_kind::crop || (*this)[i] == op_kind::slice);
  }
  /// The input that an elementwise op runs along with.
  constexpr OXBOW_DEVICE int main_input(tile_op const& o, int i) const {
    return (*this)[i] == op_kind::add && o.in[0].made == none && o.in[1].made != none ? 1 : 0;
  }
};

/// What each op of a form makes for one tile of the anchor's output: the ops before the anchor what it reads of them,
/// those behind it what follows from the tile. The layout of shared memory and the kernel ask the same function.
struct tile_extents {
  static constexpr int most_ops = 12;

  box where[most_ops]{};
  channel_range channels[most_ops]{};

  constexpr OXBOW_DEVICE tile_extents(op_kinds const& kinds, tile_op const* ops, box const& tile,
                                      channel_range of_tile) {
    where[kinds.anchor] = tile;
    for (int i = kinds.anchor; i > 0; --i) {
      int const m = ops[i].in[0].made;
      if (m == none || m > i) continue;
      where[m] = is_convolution(kinds[i]) ? read_box(ops[i].taps, where[i]) : where[i];
    }
    for (int i = 0; i < kinds.count; ++i) {
      if (i <= kinds.anchor) channels[i] = i < kinds.anchor ? channel_range{0, ops[i].out_channels} : of_tile;
      else follow(kinds[i], ops[i], i);
    }
  }

 private:
  constexpr OXBOW_DEVICE void follow(op_kind k, tile_op const& o, int i) {
    int m = o.in[0].made;
    for (int n = 1; n < 4 && m == none; ++n) m = o.in[n].made;
    where[i] = where[m], channels[i] = channels[m];
    if (k == op_kind::convolve || k == op_kind::loss) {
      channels[i] = {0, o.out_channels};
    } else if (k == op_kind::max_pool || k == op_kind::avg_pool) {
      where[i] = divided(where[m], o.window);
    } else if (k == op_kind::max_pool_grad || k == op_kind::avg_pool_grad) {
      where[i] = scaled(where[m], o.window);
    } else if (k == op_kind::crop) {
      for (int a = 0; a < 3; ++a) where[i].origin[a] -= o.border[a];
    } else if (k == op_kind::slice) {
      int const begin = channels[m].first > o.channel ? channels[m].first : o.channel;
      int const mine = channels[m].first + channels[m].count, its = o.channel + o.out_channels;
      int const end = mine < its ? mine : its;
      channels[i] = {begin - o.channel, end > begin ? end - begin : 0};
    }
  }
};

/// How the anchor's output is cut into tiles: boxes of pixels, and ranges of channels.
struct step_tiles {
  extent tile{}, size{};
  int channel_tile = 0, channels = 0;

  constexpr OXBOW_DEVICE int along(int axis) const { return (size[axis] + tile[axis] - 1) / tile[axis]; }
  constexpr OXBOW_DEVICE std::int64_t boxes() const { return std::int64_t{along(0)} * along(1) * along(2); }
  constexpr OXBOW_DEVICE int ranges() const { return (channels + channel_tile - 1) / channel_tile; }
  constexpr OXBOW_DEVICE std::int64_t blocks() const { return boxes() * ranges(); }
  constexpr OXBOW_DEVICE box at(std::int64_t i) const {
    int const x = static_cast<int>(i % along(2)), y = static_cast<int>(i / along(2) % along(1)),
              z = static_cast<int>(i / along(2) / along(1));
    return intersection({{z * tile.depth, y * tile.height, x * tile.width}, tile}, {{0, 0, 0}, size});
  }
  constexpr OXBOW_DEVICE channel_range range(int i) const {
    int const first = i * channel_tile, left = channels - first;
    return {first, left < channel_tile ? left : channel_tile};
  }
};

}  // namespace oxbow::on_cuda
