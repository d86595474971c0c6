// What there is to do for each tensor of parameters: a table, made once.
#pragma once
#include <cstdint>

#include <oxbow/cuda/tile/packing.hpp>

namespace oxbow::on_cuda {

/// A copy of a tensor for a kernel to read: its weights in the order of `order`; or, where there is a width, its rows
/// as floats, each `width` floats after the one before: biases, and the weights of a head.
/// needs  memory that was zero once: where an order or a width adds to the tensor, nothing but zeros is ever written
struct packed_copy {
  packing order{};
  int width = 0;
  bool octets = true;   ///< a tile of the tensor holds whole octets and steps of the order
  std::int64_t to = 0;  ///< bytes of the packed memory

  template <class T> constexpr std::int64_t bytes(int rows) const {
    return width > 0 ? std::int64_t{rows} * width * 4 : order.size() * static_cast<std::int64_t>(sizeof(T));
  }
};

/// A tensor of parameters, (rows, columns, taps), and its copies. Columns are those of up to two sources. Blocks take a
/// tile each, 32 × 32 × taps, that lies in one source; where taps is zero, a run of its elements.
struct parameter_job {
  std::int64_t from = 0;                                          ///< elements of the parameters
  int rows = 1, first = 0, second = 0, taps = 0;
  bool rows_are_outputs = true, is_bias = false;                  ///< a norm multiplies outputs, and moves a bias
  int first_copy = 0, copies = 0, first_block = 0;                ///< of the table; of the launch
  std::int64_t scale = -1, shift = -1, mean = -1, variance = -1;  ///< of a batch norm that copies absorb; −1: none

  static constexpr int edge = 32, run = 4096;
  static constexpr OXBOW_DEVICE int tiles(int n) { return (n + edge - 1) / edge; }
  constexpr OXBOW_DEVICE int columns() const { return first + second; }
  constexpr OXBOW_DEVICE int column_tiles() const { return tiles(first) + tiles(second); }
  constexpr int blocks() const { return taps > 0 ? tiles(rows) * column_tiles() : (rows * columns() + run - 1) / run; }

  /// The tensor that an order is one of. It may cut the columns in two where another order of the same tensor does not.
  static constexpr parameter_job of(packing const& p) {
    return p.out_is_row ? parameter_job{.rows = p.first_out, .first = p.first_in, .second = p.second_in,
                                        .taps = p.window()}
                        : parameter_job{.rows = p.first_in, .first = p.first_out, .second = p.second_out,
                                        .taps = p.window(), .rows_are_outputs = false};
  }
  /// Does a tile of this job hold whole octets and steps of that order? Octets and steps begin anew with each source.
  constexpr bool in_octets_of(packing const& p) const {
    parameter_job const other = of(p);
    int const mine = second > 0 ? first : 0, theirs = other.second > 0 ? other.first : 0;
    return mine == theirs || (mine % edge == 0 && theirs % edge == 0);
  }
};

}  // namespace oxbow::on_cuda
