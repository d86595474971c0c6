// One box of a convolution by Winograd's algorithm: transform, multiply, transform back.
#pragma once
#include <limits>

#include <oxbow/host/block_view.hpp>
#include <oxbow/host/geometry.hpp>
#include <oxbow/host/patch.hpp>
#include <oxbow/host/vector_function.hpp>
#include <oxbow/host/winograd/multiply.hpp>
#include <oxbow/host/winograd/weights.hpp>

namespace oxbow::on_host {

/// Where the pixels of a box are written, 16 lanes each: in a patch, or in a tensor.
struct written_pixels {
  float* data = nullptr;                   ///< of the first pixel
  std::ptrdiff_t row = 0, next_block = 0;  ///< floats to the next
  bool streams = false;                    ///< past the caches: only for vectors that are whole lines of a cache
};

/// What becomes of a convolution's sums.
struct box_result {
  extent size{};         ///< less than the box where that hangs over the image
  written_pixels to[2];  ///< of the channels; those from the `second` on are in the second
  int second = std::numeric_limits<int>::max();
  block_view at{};       ///< what the gradient of an activation looks at
  grid_ahead next{};     ///< what is likely to be read after this box

  box_result() = default;
  box_result(patch const& p)  // not explicit: a patch is one
      : size{p.where.size}, to{{p.data, std::ptrdiff_t{p.where.size.width} * p.lanes, p.block_stride}, {}} {}
};

/// F(Tile × Tile) on rows × columns tiles of one box.
///
/// memory  the box's transformed inputs, the products of one panel of outputs and, where they are made for the box, its
///         transformed weights
/// error   docs/cpu-performance.md
template <class Arch, int Tile> class winograd_box {
 public:
  static constexpr int area = winograd<Tile>::area, panel = packed_weights<Arch>::panel;

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

  /// y = F(bias + convolution) · G'(at).
  /// u: weight_floats(), and weights are those of packed_weights; or null, and they are those of winograd_weights.
  /// m: product_floats()
  template <function const* F, function const* G = &function_of<identity>::self>
  void multiply(float const* v, float const* weights, float* u, float const* bias, float* m,
                box_result const& y) const {
    grid_ahead next = y.next;
    int const chunks = (inputs_ + chunk_ - 1) / chunk_,
              all = (outputs_ + panel - 1) / panel * chunks * area * groups_.count(),
              lines = (next.left() + all - 1) / all;
    for (int k = 0; k < outputs_; k += panel) {
      for (int first = 0; first < inputs_; first += chunk_) {
        factors f{.tiles = v + first / chunk_ * chunk_floats(),
                  .weights = weights + k / panel * transformed::panel_floats(inputs_),
                  .first = first,
                  .count = inputs_ - first < chunk_ ? inputs_ - first : chunk_};
        if (u != nullptr) {
          auto const packed = weights + packed_weights<Arch>::offset(k / panel, inputs_, first / layout::block, 9);
          transformed::transform_panel(packed, f.count, u);
          f.weights = u, f.next = packed + packed_weights<Arch>::panel_floats(f.count, 9);
        }
        if (outputs_ - k > width_of<Arch>) products<micro_tile_of<Arch>().vectors>(f, m, next, lines);
        else products<1>(f, m, next, lines);
      }
      for (int c = k; c < k + panel && c < outputs_; c += width_of<Arch>)
        finish<F, G>(m + std::ptrdiff_t{(c - k) / width_of<Arch>} * vector_floats(), bias + c, c, y);
    }
    if (y.to[0].streams || y.to[1].streams) stream_fence();
  }

 private:
  using transformed = winograd_weights<Arch, Tile>;

  std::int64_t chunk_floats() const { return area * groups_.point_floats; }
  std::ptrdiff_t vector_floats() const { return std::ptrdiff_t{groups_.tiles} * area * width_of<Arch>; }

  /// What is multiplied for one panel of outputs: the inputs [first, first + count).
  struct factors {
    float const *tiles, *weights;
    int first, count;
    float const* next = nullptr;  ///< packed weights that will be transformed next
  };

  /// Meanwhile the weights of the next point are asked for, or those that will be transformed next.
  template <int Vectors> void products(factors const& f, float* m, grid_ahead& later, int lines) const {
    std::ptrdiff_t const point = transformed::point_floats(f.count);
    // Bytes. Only CPUs with vectors of 16 are sure to have so much.
    constexpr std::int64_t second_cache = width_of<Arch> >= 16 ? 1 << 20 : 1 << 18;
    bool const far = input_floats() * std::int64_t{sizeof(float)} > second_cache;
    int const groups = groups_.count(), blocks = layout::blocks(f.count), all = area * groups;
    // Lines of memory for each block of channels: a product's share in those of the next point, or of the next chunk.
    int const of_point = panel / groups > 0 ? panel / groups : 1;
    int of_chunk = 0, products = 0;  // so far
    float const* w = f.weights;
    for (int p = 0; p < area; ++p, w += point)
      for (int g = 0; g < groups; ++g) {
        int const before = of_chunk;
        if (f.next != nullptr) of_chunk = ++products * (9 * panel) / all;
        group_products<Arch, Vectors>[static_cast<std::size_t>(groups_.in_group(g) - 1)](
            {.tiles = f.tiles + p * groups_.point_floats + g * groups_.group_floats,
             .block_stride = std::ptrdiff_t{groups_.group} * layout::block,
             .channels = f.count,
             .far = far,
             .first = f.first == 0,
             .weights = w,
             .out = m + (std::ptrdiff_t{g} * groups_.group * area + p) * width_of<Arch>,
             .tile_stride = std::ptrdiff_t{area} * width_of<Arch>,
             .vector_stride = vector_floats(),
             .next = f.next != nullptr ? f.next + std::ptrdiff_t{before} * blocks * 16
                                       : w + point + std::ptrdiff_t{g} * blocks * of_point * 16,
             .lines = f.next != nullptr ? of_chunk - before : of_point,
             .later = later.take(lines)});
      }
  }

  /// One vector of channels, from `channel` on, of all tiles.
  template <function const* F, function const* G>
  [[gnu::noinline]] void finish(float const* m, float const* bias, int channel, box_result const& y) const {
    using v = vec<Arch>;
    v const b = v::load_unaligned(bias);
    auto const first_pixel = [](auto const& box, int c) {
      return box.data + c / layout::block * box.next_block + c % layout::block;
    };
    bool const second = channel >= y.second;
    written_pixels const& to = y.to[second];
    float* const out = first_pixel(to, second ? channel - y.second : channel);
    auto const write_all = [&](auto const& store) {
      for (int r = 0; r < rows_; ++r) {
        lines_ahead ahead;
        if constexpr (!detail::is_function<G, identity>)
          if (channel % layout::block == 0) ahead = looked_at_next(y, r, channel);
        int const lines = (ahead.left() + columns_ - 1) / columns_;
        for (int c = 0; c < columns_; ++c, m += area * width_of<Arch>) {
          ahead.ask(lines);
          v made[Tile][Tile];
          transform_output<Arch, Tile>(m, made);
          int const height = y.size.height - r * Tile < Tile ? y.size.height - r * Tile : Tile,
                    width = y.size.width - c * Tile < Tile ? y.size.width - c * Tile : Tile;
          std::ptrdiff_t const column = std::ptrdiff_t{c} * Tile * layout::block;
          float* const tile = out + r * Tile * to.row + column;
          auto const write = [&](int i, int j, v x) __attribute__((always_inline)) {
            if constexpr (!detail::is_function<G, identity>) {
              float const* const at = first_pixel(y.at, channel) + (r * Tile + i) * y.at.row + column;
              x = x * vector_function<Arch, G>::derivative(v::load_unaligned(at + j * layout::block));
            }
            store(tile + i * to.row + j * layout::block, x);
          };
          if (height == Tile && width == Tile) {
#pragma GCC unroll 8
            for (int i = 0; i < Tile; ++i)
#pragma GCC unroll 8
              for (int j = 0; j < Tile; ++j) write(i, j, vector_function<Arch, F>::value(made[i][j] + b));
          } else {
            alignas(64) float whole[Tile * Tile * width_of<Arch>];
            for (int i = 0; i < Tile; ++i)
              for (int j = 0; j < Tile; ++j)
                vector_function<Arch, F>::value(made[i][j] + b).store_aligned(whole + (i * Tile + j) * width_of<Arch>);
            for (int i = 0; i < height; ++i)
              for (int j = 0; j < width; ++j)
                write(i, j, v::load_aligned(whole + (i * Tile + j) * width_of<Arch>));
          }
        }
      }
    };
    if (to.streams) write_all([](float* p, v const& x) { stream<Arch>(p, x); });
    else write_all([](float* p, v const& x) { x.store_unaligned(p); });
  }

  /// What the gradient of an activation looks at below a row of tiles, or behind the last one in the next channels.
  lines_ahead looked_at_next(box_result const& y, int row, int channel) const {
    float const* const block = y.at.data + channel / layout::block * y.at.next_block;
    int const below = (row + 1) * Tile, height = y.size.height - below < Tile ? y.size.height - below : Tile;
    if (row + 1 < rows_) return {block + below * y.at.row, y.at.row, height, y.size.width};
    if (channel + layout::block >= outputs_) return {};
    return {block + y.at.next_block, y.at.row, y.size.height < Tile ? y.size.height : Tile, y.size.width};
  }

  /// Inputs whose transformed weights are made at a time: with vectors of 16, F(4 × 4) makes 590 KB of them, which stay
  /// in the second cache until they are used.
  static constexpr int most_at_a_time = 128;

  int rows_, columns_, inputs_, outputs_, chunk_;
  tile_groups groups_;
};

}  // namespace oxbow::on_host
