// One step of a program as the choice of its kernel sees it: all of it constants.
#pragma once
#include <type_traits>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <oxbow/cuda/kernel/sinks.cuh>
#include <oxbow/lower/program_tables.hpp>

namespace oxbow::on_cuda {

template <element Type>
using number_type = std::conditional_t<Type == element::f16, __half,
                                       std::conditional_t<Type == element::bf16, __nv_bfloat16, float>>;

/// Step Number of a program whose activations are stored as Type.
template <class Program, int Number, element Type> struct step_view {
  using t = program_tables<Program>;
  using number = number_type<Type>;
  static constexpr form what = t::whole.steps.items[Number].what;
  static constexpr int first = t::whole.steps.items[Number].first, count = what.count, anchor = what.anchor;
  static constexpr bool for_matrices = Type != element::f32;
  static constexpr int units = static_cast<int>(sizeof(number)) / 2;  ///< of 16 bits, in an element

  static constexpr instruction const& op(int i) { return t::instructions.items[first + i]; }
  static constexpr operand const& tensor(int i) { return t::operands.items[i]; }

  /// The n-th op of the step that reads what op i made first; count if there is none.
  static constexpr int reader(int i, int n = 0) {
    for (int k = i + 1; k < count; ++k)
      for (auto const& s : op(k).in)
        if (s.made == i && s.which == 0 && n-- == 0) return k;
    return count;
  }
  static constexpr int find(op_kind kind, int from = 0) {
    for (int k = from; k < count; ++k)
      if (op(k).kind == kind) return k;
    return count;
  }

  /// Is it stored as Type, in octets, a single slice, and small enough for kernels that count its elements in 31 bits
  /// and put both places of a pixel into one word?
  static constexpr bool is_octets(operand const& o) {
    return o.type == Type && o.octets && o.first_channel % 8 == 0 && o.size.depth == 1 && o.size.height < 1 << 15 &&
           o.size.width < 1 << 15 && o.size.volume() * layout_of_octets::padded(o.channels) < std::int64_t{1} << 31;
  }
  /// Input k of op i: at most two such tensors.
  static constexpr bool reads_octets(int i, int k) {
    auto const& s = op(i).in[k];
    if (s.made != none || s.count < 1 || s.count > 2) return false;
    for (int n = 0; n < s.count; ++n)
      if (!is_octets(tensor(s.first + n)) || tensor(s.first + n).mirrored != tensor(s.first).mirrored) return false;
    return true;
  }
  /// Do all pixels of a box of this size lie in what is seen of it?
  static constexpr bool covers(operand const& o, extent size) {
    for (int a = 1; a < 3; ++a)
      if (o.shift[a] < o.low[a] || o.shift[a] + size[a] > o.high[a]) return false;
    return true;
  }
  static constexpr bool covers(int i, int k, extent size) {
    for (int n = 0; n < op(i).in[k].count; ++n)
      if (!covers(tensor(op(i).in[k].first + n), size)) return false;
    return true;
  }
  /// Is op i's input k one such tensor, seen as it is?
  static constexpr bool reads_whole(int i, int k, extent size) {
    return reads_octets(i, k) && op(i).in[k].count == 1 && covers(i, k, size);
  }
  static constexpr bool stores_octets(int i) {
    int const o = op(i).out[0].operand;
    return o != none && !op(i).out[0].to_gradients && is_octets(tensor(o));
  }
};

// What the tables say as the views that kernels take. The first one begins at pixel (0, 0) of what is read, the second
// one at the first pixel of the box around it.
template <class T> view<T> view_of(operand const& o, std::byte* arena) {
  int const pixel = o.octets ? layout_of_octets::padded(o.channels) : o.channels, row = pixel * o.size.width;
  return {reinterpret_cast<T*>(arena + o.offset) +
              (std::int64_t{o.shift.height} * row + std::int64_t{o.shift.width} * pixel + o.first_channel),
          pixel, row};
}
template <class T> source<T const> source_of(operand const& o, std::byte* arena) {
  operand first = o;
  first.shift = o.low;
  return {view_of<T const>(first, arena), o.high.height - o.low.height, o.high.width - o.low.width,
          o.shift.height - o.low.height, o.shift.width - o.low.width};
}

}  // namespace oxbow::on_cuda
