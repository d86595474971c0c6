// 16 channels of a box as they lie in memory: in the arena where they can be read there, else gathered.
#pragma once
#include <oxbow/host/gather.hpp>
#include <oxbow/host/lines_ahead.hpp>

namespace oxbow::on_host {

/// The first pixel of a box; pixels are 16 floats apart, rows `row` floats. The same pixel of the next 16 channels lies
/// `next_block` floats behind, if it can be read there as well; else that is 0.
struct block_view {
  float const* data = nullptr;
  std::ptrdiff_t row = 0, next_block = 0;
};

/// rows × columns tiles of one image: tile (r, c) sees size × size pixels from origin + stride · (r, c) on.
struct tile_grid {
  int top = 0, left = 0, rows = 0, columns = 0, stride = 0, size = 0;

  box part(int first_row, int first_column, int many_rows, int many_columns) const {
    return {{0, top + first_row * stride, left + first_column * stride},
            {1, (many_rows - 1) * stride + size, (many_columns - 1) * stride + size}};
  }
  std::int64_t gathered_floats() const { return part(0, 0, rows, columns).size.volume() * layout::block; }
};

/// A block of channels of joined operands that one tensor holds as a block of its own.
struct stored_block {
  operand const* tensor = nullptr;  ///< null: there is none, and its channels must be gathered
  int channel = 0;                  ///< the block's first, of the tensor's

  static stored_block find(operand const* operands, int count, int channels, int block) {
    int const first = block * layout::block, end = first + layout::block < channels ? first + layout::block : channels;
    for (int i = 0, begin = 0; i < count; begin += operands[i].count, ++i) {
      operand const& o = operands[i];
      if (first >= begin + o.count) continue;
      int const channel = o.first_channel + first - begin;
      bool const whole = first >= begin && end <= begin + o.count && channel % layout::block == 0;
      if (whole && o.channels >= layout::block) return {&o, channel};
      break;
    }
    return {};
  }
  /// Does the tensor hold these pixels of the value?
  bool holds(box b) const {
    for (int a = 0; a < 3; ++a) {
      int const at = b.origin[a] + tensor->shift[a];
      if (at < tensor->low[a] || at + b.size[a] > tensor->high[a]) return false;
    }
    return true;
  }
  /// The value's pixel at (z, y, x), 16 lanes.
  float const* at(std::byte const* arena, int z, int y, int x) const {
    operand const& o = *tensor;
    std::int64_t const pixel = o.size.index(z + o.shift.depth, y + o.shift.height, x + o.shift.width);
    return reinterpret_cast<float const*>(arena + o.offset) +
           (channel / layout::block * o.size.volume() + pixel) * layout::block;
  }
};

/// One block of channels of joined operands, tile by tile.
class block_of_tiles {
 public:
  /// memory: gathered_floats() of the grid
  block_of_tiles(operand const* operands, int count, int channels, int block, std::byte const* arena, float* memory)
      : operands_{operands},
        count_{count},
        channels_{channels},
        block_{block},
        arena_{arena},
        memory_{memory},
        whole_{stored_block::find(operands, count, channels, block)} {}

  /// Calls f(view, first row, first column, rows, columns) for parts that make up the grid: the tiles within one stored
  /// tensor are seen in place; those around them are gathered, with what no tensor has zero or mirrored.
  template <class F> void for_each_part(tile_grid const& g, F const& f) const {
    int row = 0, end_row = 0, column = 0, end_column = 0;  // the tiles within
    operand const* const o = whole_.tensor;
    if (o != nullptr && o->shift.depth == 0 && o->low.depth <= 0 && o->high.depth > 0) {
      within(g.top + o->shift.height, o->low.height, o->high.height, g, g.rows, row, end_row);
      within(g.left + o->shift.width, o->low.width, o->high.width, g, g.columns, column, end_column);
    }
    if (row >= end_row || column >= end_column) return gathered(g, 0, 0, g.rows, g.columns, f);
    gathered(g, 0, 0, row, g.columns, f);
    gathered(g, row, 0, end_row - row, column, f);
    f(stored(g.part(row, column, 1, 1)), row, column, end_row - row, end_column - column);
    gathered(g, row, end_column, end_row - row, g.columns - end_column, f);
    gathered(g, end_row, 0, g.rows - end_row, g.columns, f);
  }

  /// What a grid sees of a stored tensor.
  lines_ahead lines_of(tile_grid const& g) const {
    if (whole_.tensor == nullptr) return {};
    operand const& o = *whole_.tensor;
    box stored{o.low, {}};
    for (int a = 0; a < 3; ++a) stored.origin[a] -= o.shift[a], stored.size[a] = o.high[a] - o.low[a];
    box const seen = intersection(g.part(0, 0, g.rows, g.columns), stored);
    if (seen.size.volume() == 0) return {};
    return {whole_.at(arena_, 0, seen.origin.height, seen.origin.width), std::ptrdiff_t{o.size.width} * layout::block,
            seen.size.height, seen.size.width};
  }

 private:
  int lanes() const {
    int const left = channels_ - block_ * layout::block;
    return left < layout::block ? left : layout::block;
  }
  static void within(int origin, int low, int high, tile_grid const& g, int count, int& first, int& end) {
    while (first < count && origin + first * g.stride < low) ++first;
    end = count;
    while (end > first && origin + (end - 1) * g.stride + g.size > high) --end;
  }
  block_view stored(box const& where) const {
    operand const& o = *whole_.tensor;
    bool const more = whole_.channel + layout::block < o.first_channel + o.count;
    return {whole_.at(arena_, 0, where.origin.height, where.origin.width), std::ptrdiff_t{o.size.width} * layout::block,
            more ? o.size.volume() * layout::block : 0};
  }
  template <class F>
  void gathered(tile_grid const& g, int row, int column, int rows, int columns, F const& f) const {
    if (rows < 1 || columns < 1) return;
    box const where = g.part(row, column, rows, columns);
    patch p = patch::over(memory_, where, lanes());
    p.lanes = layout::block;
    gather(p, operands_, count_, arena_, block_ * layout::block);
    f(block_view{memory_, std::ptrdiff_t{where.size.width} * layout::block}, row, column, rows, columns);
  }

  operand const* operands_;
  int count_, channels_, block_;
  std::byte const* arena_;
  float* memory_;
  stored_block whole_;
};

/// What a grid of tiles sees of joined operands, one block of channels after the other.
class grid_ahead {
 public:
  grid_ahead() = default;
  /// blocks: of channels, from the block `first` on
  grid_ahead(operand const* operands, int count, int channels, int first, int blocks, tile_grid const& grid,
             std::byte const* arena)
      : operands_{operands},
        count_{count},
        channels_{channels},
        block_{first},
        end_{first + blocks},
        grid_{grid},
        arena_{arena},
        lines_{lines_of(first)} {}

  /// About how many lines there are.
  int left() const { return lines_.left() * (end_ - block_); }
  run_of_lines take(int most) {
    if (lines_.left() == 0 && ++block_ < end_) lines_ = lines_of(block_);
    return lines_.take(most);
  }

 private:
  lines_ahead lines_of(int block) const {
    return block_of_tiles{operands_, count_, channels_, block, arena_, nullptr}.lines_of(grid_);
  }

  operand const* operands_ = nullptr;
  int count_ = 0, channels_ = 0, block_ = 0, end_ = 0;
  tile_grid grid_{};
  std::byte const* arena_ = nullptr;
  lines_ahead lines_{};
};

/// What will be read of two images.
struct images_ahead {
  grid_ahead first, second;

  int left() const { return first.left() + second.left(); }
  run_of_lines take(int most) {
    run_of_lines const r = first.take(most);
    return r.count > 0 ? r : second.take(most);
  }
};

}  // namespace oxbow::on_host
