// One box of a convolution by Winograd's algorithm: transform, multiply, transform back.
#pragma once
#include <oxbow/host/patch.hpp>
#include <oxbow/host/vector_function.hpp>
#include <oxbow/host/winograd/multiply.hpp>
#include <oxbow/host/winograd/weights.hpp>

namespace oxbow::on_host {

/// F(Tile × Tile) on rows × columns tiles of one box.
///
/// memory  the box's transformed inputs, and the products of one panel of outputs
/// error   docs/cpu-performance.md
template <class Arch, int Tile> class winograd_box {
 public:
  static constexpr int area = winograd<Tile>::area, panel = packed_weights<Arch>::panel;

  winograd_box(extent size, int inputs, int outputs)
      : rows_{size.height / Tile},
        columns_{size.width / Tile},
        inputs_{inputs},
        outputs_{outputs},
        groups_{rows_ * columns_, layout::blocks(inputs), micro_tile_of<Arch>().pixels} {}

  std::int64_t input_floats() const { return area * groups_.point_floats; }
  std::int64_t product_floats() const { return std::int64_t{area} * groups_.tiles * panel; }

  /// One block of input channels of rows × columns of the box's tiles. x: what the first tap of the first one reads.
  void transform(int block, float const* x, std::ptrdiff_t row, int first_row, int first_column, int rows, int columns,
                 float* v) const {
    transform_inputs<Arch, Tile>({x, row, rows, columns, first_row * columns_ + first_column, columns_}, block, groups_,
                                 v);
  }
  int rows() const { return rows_; }
  int columns() const { return columns_; }

  /// y = F(bias + convolution). y: as large as the box, or less where the box hangs over the image, 16 lanes a pixel.
  /// m: product_floats()
  template <function const* F> void multiply(float const* v, float const* weights, float const* bias, float* m,
                                             patch const& y) const {
    for (int k = 0; k < outputs_; k += panel) {
      float const* const w = weights + k / panel * winograd_weights<Arch, Tile>::panel_floats(inputs_);
      if (outputs_ - k > width_of<Arch>) products<micro_tile_of<Arch>().vectors>(v, w, m);
      else products<1>(v, w, m);
      for (int c = k; c < k + panel && c < outputs_; c += width_of<Arch>)
        finish<F>(m + std::ptrdiff_t{(c - k) / width_of<Arch>} * vector_floats(), bias + c,
                  y.at(c / layout::block, 0, 0, 0) + c % layout::block, y.where.size);
    }
  }

 private:
  std::ptrdiff_t vector_floats() const { return std::ptrdiff_t{groups_.tiles} * area * width_of<Arch>; }

  template <int Vectors> void products(float const* v, float const* w, float* m) const {
    std::ptrdiff_t const point = std::ptrdiff_t{inputs_} * panel;
    int const groups = groups_.count(), lines = panel / groups > 0 ? panel / groups : 1;
    for (int p = 0; p < area; ++p, w += point)
      for (int g = 0; g < groups; ++g)
        group_products<Arch, Vectors>[static_cast<std::size_t>(groups_.in_group(g) - 1)](
            {.tiles = v + p * groups_.point_floats + g * groups_.group_floats,
             .block_stride = std::ptrdiff_t{groups_.group} * layout::block,
             .channels = inputs_,
             .weights = w,
             .out = m + (std::ptrdiff_t{g} * groups_.group * area + p) * width_of<Arch>,
             .tile_stride = std::ptrdiff_t{area} * width_of<Arch>,
             .vector_stride = vector_floats(),
             .next = w + point + std::ptrdiff_t{g} * groups_.blocks * lines * 16,
             .lines = lines});
  }

  template <function const* F>
  [[gnu::noinline]] void finish(float const* m, float const* bias, float* y, extent size) const {
    using v = vec<Arch>;
    v const b = v::load_unaligned(bias);
    for (int r = 0; r < rows_; ++r)
      for (int c = 0; c < columns_; ++c, m += area * width_of<Arch>) {
        v made[Tile][Tile];
        transform_output<Arch, Tile>(m, made);
        int const height = size.height - r * Tile < Tile ? size.height - r * Tile : Tile,
                  width = size.width - c * Tile < Tile ? size.width - c * Tile : Tile;
        float* const to = y + (std::ptrdiff_t{r} * Tile * size.width + c * Tile) * layout::block;
        std::ptrdiff_t const row = std::ptrdiff_t{size.width} * layout::block;
        if (height == Tile && width == Tile) {
#pragma GCC unroll 8
          for (int i = 0; i < Tile; ++i)
#pragma GCC unroll 8
            for (int j = 0; j < Tile; ++j)
              vector_function<Arch, F>::value(made[i][j] + b).store_unaligned(to + i * row + j * layout::block);
        } else {
          alignas(64) float whole[Tile * Tile * width_of<Arch>];
          for (int i = 0; i < Tile; ++i)
            for (int j = 0; j < Tile; ++j)
              vector_function<Arch, F>::value(made[i][j] + b).store_aligned(whole + (i * Tile + j) * width_of<Arch>);
          for (int i = 0; i < height; ++i)
            for (int j = 0; j < width; ++j)
              v::load_aligned(whole + (i * Tile + j) * width_of<Arch>)
                  .store_unaligned(to + i * row + j * layout::block);
        }
      }
  }

  int rows_, columns_, inputs_, outputs_;
  tile_groups groups_;
};

}  // namespace oxbow::on_host
