// The gradient of weights: how one tensor correlates with another, tap by tap.
#pragma once
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include <oxbow/host/convolve.hpp>
#include <oxbow/host/gather.hpp>
#include <oxbow/host/reduce.hpp>
#include <oxbow/host/threads.hpp>

namespace oxbow::on_host {

/// dw(row, column, tap) = Σ over pixels p of `a`: a(row, p) · b(column, p·stride + tap·dilation − border). For a
/// convolution a is dy and b is x; for an up-convolution a is x and b is dy.
struct correlation {
  int rows = 0, columns = 0;
  extent window{}, stride{}, dilation{}, border{0, 0, 0};
  extent a_size{};
  operand const* a = nullptr;
  int a_count = 0;
  operand const* b = nullptr;
  int b_count = 0;
  float* dy_sums = nullptr;  ///< where the sums over dy's pixels go, all of which it meets; null: nobody asks
  bool dy_is_b = false;      ///< else it is a
};

/// The sums over dy's pixels that are made beside a correlation: of each part of dy's channels, of each chunk of rows,
/// added in the order of the chunks.
class sums_of_dy {
 public:
  /// side: channels of a part
  sums_of_dy(correlation const& c, int side, int chunks)
      : out_{c.dy_sums}, channels_{c.dy_is_b ? c.columns : c.rows}, blocks_{layout::blocks(side)}, chunks_{chunks} {
    int const parts = (channels_ + side - 1) / side;
    if (out_ != nullptr) sums_.resize(static_cast<std::size_t>(parts * chunks_ * blocks_));
  }
  /// Those of a part's blocks of channels; null where nobody asks.
  lane_sums<1>* of(int part, int chunk) {
    return out_ == nullptr ? nullptr : &sums_[static_cast<std::size_t>((part * chunks_ + chunk) * blocks_)];
  }
  void write(bool accumulate) {
    for (int k = 0; out_ != nullptr && k < channels_; ++k) {
      int const block = k / layout::block;
      double sum = accumulate ? static_cast<double>(out_[k]) : 0;
      for (int n = 0; n < chunks_; ++n) sum += of(block / blocks_, n)[block % blocks_].of[0][k % layout::block];
      out_[k] = static_cast<float>(sum);
    }
  }

 private:
  float* out_;
  int channels_, blocks_, chunks_;
  std::vector<lane_sums<1>> sums_;
};

/// Into how many chunks of image rows each piece of such work is cut: few pieces over large images keep many threads
/// busy, and their sums are added in order. The shape alone decides, so that the bits do not depend on the threads.
constexpr int row_chunks(int pieces, int rows) {
  constexpr int pieces_wanted = 16;
  int const chunks = (pieces_wanted + pieces - 1) / pieces;
  return chunks < rows ? chunks : rows;
}

/// The most rows and columns of a piece.
inline constexpr int rows_together = 128, columns_together = 64;

namespace detail {

/// Sums for Inputs channels of b and Vectors · width channels of a, over rows × width pixels, added to dw.
/// a: one pointer per vector. dw: (input, panel).
template <class Arch, int Inputs, int Vectors>
[[gnu::noinline]] void correlate_rows(float const* const (&a)[Vectors], int a_pixel, std::ptrdiff_t a_row,
                                      float const* b, int b_pixel, std::ptrdiff_t b_row, int rows, int width,
                                      float* dw) {
  using v = vec<Arch>;
  constexpr int lanes = width_of<Arch>, panel = packed_weights<Arch>::panel;
  v sum[Inputs][Vectors];
#pragma GCC unroll 8
  for (int i = 0; i < Inputs; ++i)
#pragma GCC unroll 2
    for (int n = 0; n < Vectors; ++n) sum[i][n] = v::load_unaligned(dw + i * panel + n * lanes);
  for (int r = 0; r < rows; ++r) {
    float const* at_a[Vectors];
    for (int n = 0; n < Vectors; ++n) at_a[n] = a[n] + r * a_row;
    float const* at_b = b + r * b_row;
    for (int x = 0; x < width; ++x, at_b += b_pixel) {
      v left[Vectors];
#pragma GCC unroll 2
      for (int n = 0; n < Vectors; ++n) left[n] = v::load_unaligned(at_a[n] + x * a_pixel);
#pragma GCC unroll 8
      for (int i = 0; i < Inputs; ++i) {
        v const right = v::broadcast(at_b[i]);
#pragma GCC unroll 2
        for (int n = 0; n < Vectors; ++n) sum[i][n] = multiply_add(left[n], right, sum[i][n]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Inputs; ++i)
#pragma GCC unroll 2
    for (int n = 0; n < Vectors; ++n) sum[i][n].store_unaligned(dw + i * panel + n * lanes);
}

template <class Arch, int Vectors, int... I> constexpr auto correlate_kernels(std::integer_sequence<int, I...>) {
  return std::array{&correlate_rows<Arch, I + 1, Vectors>...};
}

template <class Arch, int Vectors>
void correlate_columns(float const* const (&a)[Vectors], int a_pixel, std::ptrdiff_t a_row, float const* b, int b_pixel,
                       std::ptrdiff_t b_row, int rows, int width, float* dw, int columns) {
  constexpr int most = grad_tile_of<Arch>().pixels;
  static constexpr auto kernels = correlate_kernels<Arch, Vectors>(std::make_integer_sequence<int, most>{});
  for_even_parts(columns, most, [&](int first, int count) {
    kernels[static_cast<std::size_t>(count - 1)](a, a_pixel, a_row, b + first, b_pixel, b_row, rows, width,
                                                 dw + first * packed_weights<Arch>::panel);
  });
}

/// The same for any Sums places of b: tap and channel of each are in `from`, floats from b's first, and where its sums
/// go in `to`, floats from dw. A few channels have more taps than a block has channels, and each of them alone would
/// wait for the sum before.
template <class Arch, int Sums, int Vectors>
[[gnu::noinline]] void correlate_places(float const* const (&a)[Vectors], int a_pixel, std::ptrdiff_t a_row,
                                        float const* b, int b_pixel, std::ptrdiff_t b_row, int rows, int width,
                                        std::ptrdiff_t const* from, std::ptrdiff_t const* to, float* dw) {
  using v = vec<Arch>;
  constexpr int lanes = width_of<Arch>;
  v sum[Sums][Vectors];
#pragma GCC unroll 9
  for (int i = 0; i < Sums; ++i)
#pragma GCC unroll 2
    for (int n = 0; n < Vectors; ++n) sum[i][n] = v::load_unaligned(dw + to[i] + n * lanes);
  for (int r = 0; r < rows; ++r)
    for (int x = 0; x < width; ++x) {
      float const* const at_b = b + r * b_row + std::ptrdiff_t{x} * b_pixel;
      v left[Vectors];
#pragma GCC unroll 2
      for (int n = 0; n < Vectors; ++n) left[n] = v::load_unaligned(a[n] + r * a_row + std::ptrdiff_t{x} * a_pixel);
#pragma GCC unroll 9
      for (int i = 0; i < Sums; ++i) {
        v const right = v::broadcast(at_b[from[i]]);
#pragma GCC unroll 2
        for (int n = 0; n < Vectors; ++n) sum[i][n] = multiply_add(left[n], right, sum[i][n]);
      }
    }
#pragma GCC unroll 9
  for (int i = 0; i < Sums; ++i)
#pragma GCC unroll 2
    for (int n = 0; n < Vectors; ++n) sum[i][n].store_unaligned(dw + to[i] + n * lanes);
}
template <class Arch, int Vectors, int... I> constexpr auto place_kernels(std::integer_sequence<int, I...>) {
  return std::array{&correlate_places<Arch, I + 1, Vectors>...};
}
template <class Arch, int Vectors>
void correlate_all_places(float const* const (&a)[Vectors], int a_pixel, std::ptrdiff_t a_row, float const* b,
                          int b_pixel, std::ptrdiff_t b_row, int rows, int width, std::ptrdiff_t const* from,
                          std::ptrdiff_t const* to, int places, float* dw) {
  constexpr int most = width_of<Arch> >= 16 ? 9 : 6;  // the taps of a window of three, or what 16 registers hold
  static constexpr auto kernels = place_kernels<Arch, Vectors>(std::make_integer_sequence<int, most>{});
  for_even_parts(places, most, [&](int first, int count) {
    kernels[static_cast<std::size_t>(count - 1)](a, a_pixel, a_row, b, b_pixel, b_row, rows, width, from + first,
                                                 to + first, dw);
  });
}

}  // namespace detail

/// Up to 128 rows × 64 columns are one piece of work, so that what is gathered of b serves many rows.
template <class Arch> class correlator {
 public:
  static constexpr int panel = packed_weights<Arch>::panel, side = columns_together;

  explicit correlator(correlation const& c)
      : c_{c},
        panels_{std::min(packed_weights<Arch>::panels(c.rows), rows_together / panel)},
        bands_{(c.rows + panels_ * panel - 1) / (panels_ * panel)},
        groups_{(c.columns + side - 1) / side},
        chunks_{row_chunks(bands_ * groups_, c.a_size.depth * c.a_size.height)} {
    strip_ = {1, 1, c.a_size.width < strip_width ? c.a_size.width : strip_width};
    while (strip_.height < c.a_size.height && (strip_.height + 1) * strip_.width <= strip_pixels) ++strip_.height;
  }

  /// Floats of memory shared by all threads, and of each thread.
  std::int64_t shared_floats() const {
    return chunks_ == 1 ? 0 : std::int64_t{bands_} * groups_ * chunks_ * piece_floats();
  }
  std::int64_t thread_floats() const {
    return piece_floats() + patch::floats(strip_, panels_ * panel) + patch::floats(b_size(strip_), side);
  }

  /// gradient: (row, column, tap). Adds to it, and to the sums of dy, if `accumulate`.
  template <class Scratch> void run(thread_pool& pool, std::byte const* arena, float* shared, Scratch const& scratch,
                                    float* gradient, bool accumulate) const {
    std::int64_t const pieces = std::int64_t{bands_} * groups_;
    sums_of_dy sums{c_, c_.dy_is_b ? side : panels_ * panel, chunks_};
    pool.run(pieces * chunks_, [&](int thread, std::int64_t i) {
      float* const memory = scratch(thread);
      float* const dw = chunks_ == 1 ? memory : shared + i * piece_floats();
      int const band = static_cast<int>(i / chunks_ / groups_), block = static_cast<int>(i / chunks_ % groups_),
                number = static_cast<int>(i % chunks_);
      int const part = c_.dy_is_b ? block : band, other = c_.dy_is_b ? band : block;
      chunk(band, block, number, arena, dw, memory + piece_floats(), other == 0 ? sums.of(part, number) : nullptr);
      if (chunks_ == 1) finish(band, block, dw, gradient, accumulate);
    });
    sums.write(accumulate);
    if (chunks_ == 1) return;
    pool.run(pieces, [&](int, std::int64_t i) {
      finish(static_cast<int>(i / groups_), static_cast<int>(i % groups_), shared + i * chunks_ * piece_floats(),
             gradient, accumulate);
    });
  }

 private:
  static constexpr int strip_width = 128, strip_pixels = 256;
  static constexpr int fewest = 4;  ///< columns; with less, taps are summed side by side

  std::int64_t panel_floats() const { return c_.window.volume() * side * panel; }
  std::int64_t piece_floats() const { return panels_ * panel_floats(); }
  extent b_size(extent a) const {
    extent b;
    for (int axis = 0; axis < 3; ++axis)
      b[axis] = (a[axis] - 1) * c_.stride[axis] + (c_.window[axis] - 1) * c_.dilation[axis] + 1;
    return b;
  }

  /// sums: of the blocks of dy's channels; or null
  void chunk(int band, int block, int chunk_index, std::byte const* arena, float* dw, float* memory,
             lane_sums<1>* sums) const {
    std::memset(dw, 0, sizeof(float) * static_cast<std::size_t>(piece_floats()));
    int const rows = c_.a_size.depth * c_.a_size.height;
    int const begin = static_cast<int>(std::int64_t{rows} * chunk_index / chunks_),
              end = static_cast<int>(std::int64_t{rows} * (chunk_index + 1) / chunks_);
    for (int row = begin; row < end;) {
      int const z = row / c_.a_size.height, y = row % c_.a_size.height;
      int height = strip_.height;
      if (end - row < height) height = end - row;
      if (c_.a_size.height - y < height) height = c_.a_size.height - y;
      for (int x = 0; x < c_.a_size.width; x += strip_.width) {
        int const width = c_.a_size.width - x < strip_.width ? c_.a_size.width - x : strip_.width;
        strip({{z, y, x}, {1, height, width}}, band * panels_ * panel, block * side, arena, dw, memory, sums);
      }
      row += height;
    }
  }

  void strip(box where, int first_row, int first_column, std::byte const* arena, float* dw, float* memory,
             lane_sums<1>* sums) const {
    int const rows = std::min(c_.rows - first_row, panels_ * panel);
    int const columns = c_.columns - first_column < side ? c_.columns - first_column : side;
    patch const a = patch::over(memory, where, rows);
    box there{{0, 0, 0}, b_size(where.size)};
    for (int axis = 0; axis < 3; ++axis) there.origin[axis] = where.origin[axis] * c_.stride[axis] - c_.border[axis];
    patch const b = patch::over(memory + patch::floats(where.size, rows), there, columns);
    gather(a, c_.a, c_.a_count, arena, first_row);
    gather(b, c_.b, c_.b_count, arena, first_column);
    patch const& dy = c_.dy_is_b ? b : a;
    for (int k = 0; sums != nullptr && k < dy.blocks(); ++k)
      detail::add_up<Arch>(
          sums[k], dy.block_floats(), dy.lanes, [](int, vec<Arch> const& e) { return detail::vectors<Arch, 1>{{e}}; },
          dy.data + k * dy.block_stride);
    tap_offsets const taps{b, c_.window, c_.dilation};
    std::ptrdiff_t const a_row = std::ptrdiff_t{where.size.width} * a.lanes,
                         b_row = std::ptrdiff_t{there.size.width} * b.lanes * c_.stride.height;
    int const b_pixel = b.lanes * c_.stride.width;
    auto const at_row = [&](int r) { return a.data + r / layout::block * a.block_stride + r % layout::block; };
    /// f(pointers to one or two vectors of rows, their sums), panel by panel.
    auto const for_each_panel = [&](auto const& f) {
      for (int r = 0; r < rows; r += panel) {
        float* const to = dw + r / panel * panel_floats();
        float const* const both[2] = {at_row(r), at_row(r + width_of<Arch>)};
        float const* const one[1] = {both[0]};
        if (rows - r <= width_of<Arch>) f(one, to);
        else f(both, to);
      }
    };
    if (columns < fewest) {
      std::vector<std::ptrdiff_t> from, to;
      for (int t = 0; t < taps.count; ++t)
        for (int c = 0; c < columns; ++c)
          from.push_back(taps.floats[static_cast<std::size_t>(t)] + c), to.push_back((t * side + c) * panel);
      return for_each_panel([&]<int Vectors>(float const* const(&some)[Vectors], float* sums) {
        detail::correlate_all_places<Arch, Vectors>(some, a.lanes, a_row, b.data, b_pixel, b_row, where.size.height,
                                                    where.size.width, from.data(), to.data(),
                                                    static_cast<int>(from.size()), sums);
      });
    }
    for (int t = 0; t < taps.count; ++t)
      for (int block = 0; block < b.blocks(); ++block)
        for_each_panel([&]<int Vectors>(float const* const(&some)[Vectors], float* sums) {
          detail::correlate_columns<Arch, Vectors>(
              some, a.lanes, a_row, b.data + block * b.block_stride + taps.floats[static_cast<std::size_t>(t)], b_pixel,
              b_row, where.size.height, where.size.width, sums + (t * side + block * layout::block) * panel,
              b.channels_in(block));
        });
  }

  /// Adds up the chunks, and writes rows of the gradient, a square of numbers at a time.
  void finish(int band, int block, float const* sums, float* gradient, bool accumulate) const {
    constexpr int width = width_of<Arch>;
    int const taps = static_cast<int>(c_.window.volume()), first_row = band * panels_ * panel,
              first_column = block * side, rows = std::min(panels_ * panel, c_.rows - first_row),
              row = std::min(side, c_.columns - first_column) * taps;
    auto const sum_at = [&](int k, int n) {
      return sums + k / panel * panel_floats() + (n % taps * side + n / taps) * panel + k % panel;
    };
    auto const gradient_at = [&](int k, int n) {
      return gradient + (std::int64_t{first_row + k} * c_.columns + first_column) * taps + n;
    };
    int const squares = row / width * width;
    for (int k = 0; k < rows; k += width)
      for (int n = 0; n < squares; n += width) {
        vec<Arch> square[width];
        for (int i = 0; i < width; ++i) {
          float const* const from = sum_at(k, n + i);
          square[i] = vec<Arch>::load_unaligned(from);
          for (int c = 1; c < chunks_; ++c)
            square[i] = square[i] + vec<Arch>::load_unaligned(from + c * piece_floats());
        }
        transpose<Arch>(square);
        for (int i = 0; i < width && k + i < rows; ++i) {
          float* const to = gradient_at(k + i, n);
          if (accumulate) square[i] = square[i] + vec<Arch>::load_unaligned(to);
          square[i].store_unaligned(to);
        }
      }
    for (int k = 0; k < rows; ++k)
      for (int n = squares; n < row; ++n) {
        float sum = 0;
        for (int c = 0; c < chunks_; ++c) sum += sum_at(k, n)[c * piece_floats()];
        float* const to = gradient_at(k, n);
        *to = accumulate ? *to + sum : sum;
      }
  }

  correlation c_;
  int panels_, bands_, groups_, chunks_;  ///< panels of each band of rows; bands, groups of columns, image parts
  extent strip_{};
};

}  // namespace oxbow::on_host
