// One box of a convolution by Winograd's algorithm: transform, multiply, transform back.
#pragma once
#include <limits>

#include <oxbow/host/block_view.hpp>
#include <oxbow/host/geometry.hpp>
#include <oxbow/host/patch.hpp>
#include <oxbow/host/pooling.hpp>
#include <oxbow/host/vector_function.hpp>
#include <oxbow/host/winograd/multiply.hpp>
#include <oxbow/host/winograd/weights.hpp>

namespace oxbow::on_host {

/// Where the pixels of a box are written, 16 lanes each: in a patch, or in a tensor.
struct written_pixels {
  float* data = nullptr;                          ///< where the box's first pixel is, or would be
  std::ptrdiff_t row = 0, next_block = 0;         ///< floats to the next; of a phase to its next
  bool streams = false;                           ///< past the caches: only for vectors that are whole lines of a cache
  int top = 0, left = 0, bottom = 0, right = 0;   ///< the pixels that are written, counted from the box's first

  /// From a channel on; null where nothing is written.
  float* at(int channel) const {
    return data == nullptr ? nullptr : data + channel / layout::block * next_block + channel % layout::block;
  }
  bool holds(int y, int x) const { return y >= top && y < bottom && x >= left && x < right; }
  /// All and some of a square of `side` pixels.
  bool holds_all(int y, int x, int side) const { return holds(y, x) && holds(y + side - 1, x + side - 1); }
  bool holds_some(int y, int x, int side) const {
    return y + side > top && y < bottom && x + side > left && x < right;
  }
};

/// What a convolution does besides, where its result is made.
enum class also { nothing, pools, adds };

/// Where the maxima of windows of 2 × 2 pixels are written, and which pixel of its window each is.
struct pooled_pixels {
  written_pixels to{};
  std::byte* places = nullptr;                           ///< two bits for each lane; null: nobody asks
  std::ptrdiff_t place_row = 0, next_place_block = 0;    ///< bytes
};

/// What becomes of a convolution's sums.
struct box_result {
  extent size{};         ///< less than the box where that hangs over the image
  written_pixels to[4];  ///< of the channels, in the second those from `second` on; or of the phases (host/merge.hpp)
  int second = std::numeric_limits<int>::max();
  block_view at{};       ///< what the gradient of an activation looks at, or what is added
  pooled_pixels pooled{};
  grid_ahead next{};     ///< what is likely to be read after this box

  box_result() = default;
  box_result(patch const& p)  // not explicit: a patch is one
      : size{p.where.size},
        to{{.data = p.data,
            .row = std::ptrdiff_t{p.where.size.width} * p.lanes,
            .next_block = p.block_stride,
            .bottom = p.where.size.height,
            .right = p.where.size.width}} {}
};

/// Where a box finds its weights.
struct box_weights {
  float const* packed = nullptr;  ///< those of winograd_weights; of packed_weights, where boxes transform them
  float* transformed = nullptr;   ///< room for those that the box transforms, weight_floats(); or null
  float const* raw = nullptr;     ///< the parameter's tensor, where the box packs them as well; or null
  weight_use use{};               ///< of the raw ones
  int first_panel = 0;            ///< of the raw ones
};

/// F(Tile × Tile) on rows × columns tiles of one box. An odd tile belongs to an enlargement by two: 2 × 2 weights for
/// each of four phases, the outputs of one parity of rows and columns.
///
/// memory  the box's transformed inputs, the products of one panel of outputs and, where they are made for the box, its
///         transformed weights
/// error   docs/cpu-performance.md
template <class Arch, int Tile> class winograd_box {
 public:
  static constexpr int area = winograd<Tile>::area, panel = packed_weights<Arch>::panel,
                       phases = winograd<Tile>::phases;

  /// size: pixels of one phase
  /// by_panel: transformed weights are made here, of some of the inputs at a time; the sums of their products, and
  /// with them every bit, are the same
  winograd_box(extent size, int inputs, int outputs, bool by_panel)
      : rows_{size.height / Tile},
        columns_{size.width / Tile},
        inputs_{inputs},
        outputs_{outputs},
        chunk_{by_panel ? even_part(inputs, most_at_a_time, layout::block) : inputs},
        groups_{rows_ * columns_, layout::blocks(chunk_), micro_tile_of<Arch>().pixels} {}

  std::int64_t input_floats() const { return (inputs_ + chunk_ - 1) / chunk_ * chunk_floats(); }
  std::int64_t product_floats() const { return std::int64_t{area} * groups_.tiles * panel; }
  std::int64_t weight_floats() const { return transformed::panel_floats(chunk_); }

  /// One block of input channels of rows × columns of the box's tiles. x: what the first tap of the first one reads.
  void transform(int block, block_view const& x, int first_row, int first_column, int rows, int columns,
                 float* v) const {
    int const blocks = layout::blocks(chunk_);
    transform_inputs<Arch, Tile>({x, rows, columns, first_row * columns_ + first_column, columns_},
                                 block % blocks, groups_, v + block / blocks * chunk_floats());
  }
  int rows() const { return rows_; }
  int columns() const { return columns_; }

  /// y = F(bias + convolution) · G'(at), or F(bias + convolution + at), and the maxima of its windows. Of two places
  /// where it is written G' is for the first.
  /// weights: those of the phases follow one another, panel by panel of outputs
  /// m: product_floats()
  template <function const* F, function const* G = &function_of<identity>::self, also Besides = also::nothing>
  void multiply(float const* v, box_weights const& weights, float const* bias, float* m, box_result const& y) const {
    grid_ahead next = y.next;
    int const panels = (outputs_ + panel - 1) / panel * phases, chunks = (inputs_ + chunk_ - 1) / chunk_,
              all = panels * chunks * area * groups_.count(), lines = (next.left() + all - 1) / all;
    for (int n = 0; n < panels; ++n) {
      int const k = n / phases * panel;
      for (int first = 0; first < inputs_; first += chunk_) {
        factors f{.tiles = v + first / chunk_ * chunk_floats(), .first = first, .count = part_of(first)};
        if (weights.transformed == nullptr) {
          f.weights = weights.packed + n * transformed::panel_floats(inputs_);
        } else {
          make_weights(weights, n, first);
          f.weights = weights.transformed;
          bool const more = first + chunk_ < inputs_;
          if (more || n + 1 < panels) f.next = read_of(weights, more ? n : n + 1, more ? first + chunk_ : 0);
        }
        if (outputs_ - k > width_of<Arch>) products<micro_tile_of<Arch>().vectors>(f, m, next, lines);
        else products<1>(f, m, next, lines);
      }
      for (int c = k; c < k + panel && c < outputs_; c += width_of<Arch>) {
        float const* const products = m + std::ptrdiff_t{(c - k) / width_of<Arch>} * vector_floats();
        if (!detail::is_function<G, identity> && c >= y.second) finish<F>(products, bias + c, c, 1, y);
        else finish<F, G, Besides>(products, bias + c, c, phases > 1 ? n % phases : c >= y.second, y);
      }
    }
    if (y.to[0].streams || y.to[1].streams || y.pooled.to.streams) stream_fence();
  }

 private:
  using transformed = winograd_weights<Arch, Tile>;
  static constexpr int taps = transformed::taps;

  std::int64_t chunk_floats() const { return area * groups_.point_floats; }
  std::ptrdiff_t vector_floats() const { return std::ptrdiff_t{groups_.tiles} * area * width_of<Arch>; }

  /// What is multiplied for one panel of outputs: the inputs [first, first + count).
  struct factors {
    float const *tiles = nullptr, *weights = nullptr;
    int first = 0, count = 0;
    lines_ahead next{};  ///< what the next weights will be made of
  };
  int part_of(int first) const { return inputs_ - first < chunk_ ? inputs_ - first : chunk_; }

  /// Those of a panel and some inputs.
  void make_weights(box_weights const& w, int panel_index, int first) const {
    int const begin = first / layout::block, count = part_of(first);
    if (w.raw == nullptr)
      return transformed::transform_panel(
          w.packed + packed_weights<Arch>::offset(panel_index, inputs_, begin, taps), count, w.transformed);
    alignas(64) float packed[layout::block * taps * panel];
    for (int b = 0; b < layout::blocks(count); ++b) {
      packed_weights<Arch>::pack_block(w.raw, w.use, w.first_panel + panel_index, begin + b, nullptr, packed);
      transformed::transform(packed, count, b, w.transformed);
    }
  }
  /// What that reads.
  lines_ahead read_of(box_weights const& w, int panel_index, int first) const {
    int const count = part_of(first);
    auto const lines = [](int floats) { return (floats + layout::block - 1) / layout::block; };
    if (w.raw == nullptr)
      return {w.packed + packed_weights<Arch>::offset(panel_index, inputs_, first / layout::block, taps), 0, 1,
              lines(count * taps * panel)};
    std::ptrdiff_t const row = std::ptrdiff_t{w.use.columns} * taps;
    int const output = (w.first_panel + panel_index) * panel, rest = w.use.outputs() - output,
              outputs = rest < panel ? rest : panel;
    if (w.use.rows_are_outputs) return {w.raw + output * row + first * taps, row, outputs, lines(count * taps)};
    return {w.raw + first * row + output * taps, row, count, lines(outputs * taps)};
  }

  /// Meanwhile the weights of the next point are asked for, or what the next weights will be made of.
  template <int Vectors> void products(factors const& f, float* m, grid_ahead& later, int lines) const {
    std::ptrdiff_t const point = transformed::point_floats(f.count);
    // Bytes. Only CPUs with vectors of 16 are sure to have so much.
    constexpr std::int64_t second_cache = width_of<Arch> >= 16 ? 1 << 20 : 1 << 18;
    bool const far = input_floats() * std::int64_t{sizeof(float)} > second_cache;
    int const groups = groups_.count(), blocks = layout::blocks(f.count), all = area * groups;
    // Lines of memory for each block of channels: a product's share in those of the next point, or of the next chunk.
    int const of_point = panel / groups > 0 ? panel / groups : 1;
    lines_ahead next = f.next;
    bool const transforms = next.left() > 0;
    int const of_product = (next.left() + all - 1) / all;
    group_product x{.block_stride = std::ptrdiff_t{groups_.group} * layout::block,
                    .channels = f.count,
                    .far = far,
                    .first = f.first == 0,
                    .weights = f.weights,
                    .tile_stride = std::ptrdiff_t{area} * width_of<Arch>,
                    .vector_stride = vector_floats(),
                    .lines = of_point,
                    .later_lines = (lines + blocks - 1) / blocks};
    for (int p = 0; p < area; ++p, x.weights += point) {
      x.tiles = f.tiles + p * groups_.point_floats, x.out = m + p * width_of<Arch>, x.next = x.weights + point;
      for (int g = 0; g < groups; ++g) {
        if (transforms) {
          run_of_lines const some = next.take(of_product);
          x.next = some.first, x.lines = (some.count + blocks - 1) / blocks;
        }
        if (lines > 0) x.later = later.take(lines);
        group_products<Arch, Vectors>[static_cast<std::size_t>(groups_.in_group(g) - 1)](x);
        x.tiles += groups_.group_floats, x.out += std::ptrdiff_t{groups_.group} * area * width_of<Arch>;
        x.next += std::ptrdiff_t{blocks} * of_point * 16;
      }
    }
  }

  /// One vector of channels, from `channel` on, of all tiles. which: of the places where they are written
  template <function const* F, function const* G = &function_of<identity>::self, also Besides = also::nothing>
  [[gnu::noinline]] void finish(float const* m, float const* bias, int channel, int which, box_result const& y) const {
    using v = vec<Arch>;
    constexpr bool adds = Besides == also::adds, looks = adds || !detail::is_function<G, identity>;
    constexpr int pixel = phases > 1 ? 2 * layout::block : layout::block;
    v const b = v::load_unaligned(bias);
    written_pixels const& to = y.to[which];
    float* const out = to.at(channel >= y.second ? channel - y.second : channel);
    auto const write_all = [&](auto const& store) {
      for (int r = 0; r < rows_; ++r) {
        lines_ahead ahead;
        if (looks && channel % layout::block == 0) ahead = looked_at_next(y, r, channel);
        int const lines = (ahead.left() + columns_ - 1) / columns_;
        for (int c = 0; c < columns_; ++c, m += area * width_of<Arch>) {
          ahead.ask(lines);
          v made[Tile][Tile];
          transform_output<Arch, Tile>(m, made);
#pragma GCC unroll 8
          for (int i = 0; i < Tile; ++i)
#pragma GCC unroll 8
            for (int j = 0; j < Tile; ++j) {
              made[i][j] = made[i][j] + b;
              if constexpr (!adds) made[i][j] = vector_function<Arch, F>::value(made[i][j]);
            }
          int const top = r * Tile, left = c * Tile;
          auto const write = [&](int i, int j, v x) __attribute__((always_inline)) {
            std::ptrdiff_t const column = left + j;
            if constexpr (looks) {
              float const* const at = y.at.data + channel / layout::block * y.at.next_block + channel % layout::block;
              v const seen = v::load_unaligned(at + (top + i) * y.at.row + column * layout::block);
              if constexpr (adds) x = vector_function<Arch, F>::value(x + seen);
              else x = x * vector_function<Arch, G>::derivative(seen);
            }
            store(out + (top + i) * to.row + column * pixel, x);
          };
          if (to.holds_all(top, left, Tile)) {
#pragma GCC unroll 8
            for (int i = 0; i < Tile; ++i)
#pragma GCC unroll 8
              for (int j = 0; j < Tile; ++j) write(i, j, made[i][j]);
          } else if (to.holds_some(top, left, Tile)) {
            alignas(64) float whole[Tile * Tile * width_of<Arch>];
            for (int i = 0; i < Tile; ++i)
              for (int j = 0; j < Tile; ++j) made[i][j].store_aligned(whole + (i * Tile + j) * width_of<Arch>);
            for (int i = 0; i < Tile; ++i)
              for (int j = 0; j < Tile; ++j)
                if (to.holds(top + i, left + j))
                  write(i, j, v::load_aligned(whole + (i * Tile + j) * width_of<Arch>));
          }
          if constexpr (Besides == also::pools) pool(made, r, c, channel, y.pooled);
        }
      }
    };
    if (to.streams) write_all([](float* p, v const& x) { stream<Arch>(p, x); });
    else write_all([](float* p, v const& x) { x.store_unaligned(p); });
  }

  /// The maxima of one tile.
  [[gnu::always_inline]] static void pool(vec<Arch> const (&tile)[Tile][Tile], int row, int column, int channel,
                                          pooled_pixels const& y) {
    float* const out = y.to.at(channel);
#pragma GCC unroll 4
    for (int i = 0; i < Tile / 2; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < Tile / 2; ++j) {
        int const py = row * Tile / 2 + i, px = column * Tile / 2 + j;
        if (!y.to.holds(py, px)) continue;
        detail::running_maximum<Arch> best{tile[2 * i][2 * j]};
        best.compare(tile[2 * i][2 * j + 1], 1);
        best.compare(tile[2 * i + 1][2 * j], 2);
        best.compare(tile[2 * i + 1][2 * j + 1], 3);
        float* const at = out + py * y.to.row + std::ptrdiff_t{px} * layout::block;
        if (y.to.streams) stream<Arch>(at, best.most);
        else best.most.store_unaligned(at);
        if (y.places == nullptr) continue;
        alignas(64) float places[width_of<Arch>];
        best.place.store_aligned(places);
        constexpr int bits = 2;
        detail::pack_places(y.places + channel / layout::block * y.next_place_block + py * y.place_row +
                                (px * layout::block + channel % layout::block) * bits / 8,
                            places, width_of<Arch>, bits);
      }
  }

  /// What is looked at beside the result below a row of tiles, or behind the last one in the next channels.
  lines_ahead looked_at_next(box_result const& y, int row, int channel) const {
    float const* const block = y.at.data + channel / layout::block * y.at.next_block;
    int const below = (row + 1) * Tile, height = y.size.height - below < Tile ? y.size.height - below : Tile;
    if (row + 1 < rows_) return {block + below * y.at.row, y.at.row, height, y.size.width};
    if (channel + layout::block >= outputs_ || channel + layout::block >= y.second) return {};
    return {block + y.at.next_block, y.at.row, y.size.height < Tile ? y.size.height : Tile, y.size.width};
  }

  /// Inputs whose transformed weights are made at a time: with vectors of 16, F(4 × 4) makes 590 KB of them, which stay
  /// in the second cache until they are used.
  static constexpr int most_at_a_time = 128;

  int rows_, columns_, inputs_, outputs_, chunk_;
  tile_groups groups_;
};

}  // namespace oxbow::on_host
