// The plain gradient of weights, in float: how one tensor correlates with another, tap by tap.
#pragma once
#include <oxbow/cuda/kernel/patch.cuh>
#include <oxbow/cuda/kernel/run_scalars.cuh>
#include <oxbow/cuda/kernel/squares.cuh>

namespace oxbow::on_cuda {

/// dw(row, column, tap) = Σ over pixels p of `a`: a(row, p) · b(column, p·stride + tap·dilation − border). For a
/// convolution a is dy and b is x; for an up-convolution a is x and b is dy.
struct correlation {
  joined a, b;
  int rows = 0, columns = 0;
  extent a_size{}, window{}, stride{}, dilation{}, border{0, 0, 0};
  extent strip{};  ///< pixels of a that lie in shared memory at a time
  int splits = 1;  ///< parts of the image, each with sums of its own

  static constexpr int edge = layout::block, taps_each = 9;

  constexpr OXBOW_DEVICE int taps() const { return static_cast<int>(window.volume()); }
  constexpr OXBOW_DEVICE int row_blocks() const { return (rows + edge - 1) / edge; }
  constexpr OXBOW_DEVICE int column_blocks() const { return (columns + edge - 1) / edge; }
  constexpr OXBOW_DEVICE int tap_groups() const { return (taps() + taps_each - 1) / taps_each; }
  constexpr OXBOW_DEVICE int blocks() const { return splits * tap_groups() * column_blocks() * row_blocks(); }
  constexpr OXBOW_DEVICE int strips_along(int axis) const { return (a_size[axis] + strip[axis] - 1) / strip[axis]; }
  constexpr OXBOW_DEVICE int strips() const { return strips_along(0) * strips_along(1) * strips_along(2); }
  constexpr OXBOW_DEVICE std::int64_t elements() const { return std::int64_t{rows} * columns * taps(); }
  /// The pixels of b that a box of a meets.
  constexpr OXBOW_DEVICE box met(box const& of_a) const {
    box m;
    for (int i = 0; i < 3; ++i) {
      m.origin[i] = of_a.origin[i] * stride[i] - border[i];
      m.size[i] = (of_a.size[i] - 1) * stride[i] + (window[i] - 1) * dilation[i] + 1;
    }
    return m;
  }
  constexpr OXBOW_DEVICE int a_floats() const { return static_cast<int>(strip.volume()) * edge; }
  constexpr OXBOW_DEVICE int b_floats() const { return static_cast<int>(met({{0, 0, 0}, strip}).size.volume()) * edge; }
};

/// A block sums 16 rows × 16 columns × up to 9 taps over one part of the image, strip by strip; a thread owns a row and
/// a column. A strip's sum is added to the total as one number, so that rounding grows with the strips and not with
/// the pixels.
struct correlate {
  static constexpr int threads = correlation::edge * correlation::edge;
  struct storage {
    float floats[1];  ///< a_floats() + b_floats(): the launch says how many
  };
  struct args {
    correlation what;
    std::byte const* arena;
    float* sums;  ///< splits × rows × columns × taps
  };

  __device__ static void run(args const& args, storage& smem) {
    correlation const& w = args.what;
    constexpr int edge = correlation::edge, each = correlation::taps_each;
    int block = static_cast<int>(blockIdx.x);
    int const row_block = block % w.row_blocks();
    block /= w.row_blocks();
    int const column_block = block % w.column_blocks();
    block /= w.column_blocks();
    int const first_tap = block % w.tap_groups() * each, split = block / w.tap_groups();
    int const rows = min(edge, w.rows - row_block * edge), columns = min(edge, w.columns - column_block * edge);
    int const row = static_cast<int>(threadIdx.x) / edge, column = static_cast<int>(threadIdx.x) % edge;
    bool const mine = row < rows && column < columns;
    float total[each] = {};
    int const begin = static_cast<int>(std::int64_t{w.strips()} * split / w.splits),
              end = static_cast<int>(std::int64_t{w.strips()} * (split + 1) / w.splits);
    for (int s = begin; s < end; ++s) {
      int const sx = s % w.strips_along(2), sy = s / w.strips_along(2) % w.strips_along(1),
                sz = s / w.strips_along(2) / w.strips_along(1);
      box const where =
          intersection({{sz * w.strip.depth, sy * w.strip.height, sx * w.strip.width}, w.strip}, {{0, 0, 0}, w.a_size});
      patch const a = patch::over(smem.floats, where, row_block * edge, rows),
                  b = patch::over(smem.floats + w.a_floats(), w.met(where), column_block * edge, columns);
      __syncthreads();
      gather(a, w.a, args.arena);
      gather(b, w.b, args.arena);
      __syncthreads();
      if (!mine) continue;
      int offset[each];
      for (int i = 0; i < each; ++i) {
        int const t = first_tap + i < w.taps() ? first_tap + i : w.taps() - 1;
        int const tx = t % w.window.width, ty = t / w.window.width % w.window.height,
                  tz = t / w.window.width / w.window.height;
        offset[i] =
            static_cast<int>(b.where.size.index(tz * w.dilation.depth, ty * w.dilation.height, tx * w.dilation.width)) *
            columns;
      }
      float sum[each] = {};
      int p = 0;
      for (int z = 0; z < where.size.depth; ++z)
        for (int y = 0; y < where.size.height; ++y) {
          int from =
              static_cast<int>(b.where.size.index(z * w.stride.depth, y * w.stride.height, 0)) * columns + column;
          for (int x = 0; x < where.size.width; ++x, ++p, from += w.stride.width * columns) {
            float const left = a.data[p * rows + row];
#pragma unroll
            for (int i = 0; i < each; ++i) sum[i] = fmaf(left, b.data[from + offset[i]], sum[i]);
          }
        }
#pragma unroll
      for (int i = 0; i < each; ++i) total[i] += sum[i];
    }
    if (!mine) return;
    std::int64_t const at =
        ((std::int64_t{split} * w.rows + row_block * edge + row) * w.columns + column_block * edge + column) * w.taps();
#pragma unroll
    for (int i = 0; i < each; ++i)
      if (first_tap + i < w.taps()) args.sums[at + first_tap + i] = total[i];
  }
};

/// gradient(i) = Σ sums(split, i) over the splits in their order, written or added. A thread does an element.
struct finish_correlation {
  static constexpr int threads = 256;
  using measure = squares<threads>;
  using storage = typename measure::storage;
  struct args {
    float const* sums;
    std::int64_t count;
    int splits;
    float* out;
    run_scalars const* run;
    double* squares;  ///< of the gradients that each block writes
  };
  __device__ static void run(args const& a, storage& memory) {
    std::int64_t const i = std::int64_t{blockIdx.x} * threads + threadIdx.x;
    double written = 0;
    if (i < a.count) {
      float sum = 0;
      for (int s = 0; s < a.splits; ++s) sum += a.sums[s * a.count + i];
      written = measure::of(a.run->add_gradient(a.out[i], static_cast<double>(sum)));
    }
    measure::leave(written, a.squares + blockIdx.x, memory);
  }
};

}  // namespace oxbow::on_cuda
