// The gradient of a max pooling where a skip's gradient and an activation follow, stored at once.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include <oxbow/host/block_view.hpp>
#include <oxbow/host/pooling.hpp>
#include <oxbow/host/vector_function.hpp>

namespace oxbow::on_host {

/// What follows the gradient of a max pooling with windows of 2 × 2 pixels.
struct pool_grad_rest {
  operand const* added = nullptr;  ///< one behind the other along the channels; null: nothing
  int added_count = 0;
  operand const* at = nullptr;     ///< what the gradient of the activation looks at; null: there is none
  operand const* out = nullptr;
  int channels = 0;
};

/// Can each block of these operands be read where it lies, as far as there is a pixel?
inline bool lies_in_blocks(operand const* operands, int count, int channels) {
  for (int b = 0; b < layout::blocks(channels); ++b) {
    operand const* const o = stored_block::find(operands, count, channels, b).tensor;
    if (o == nullptr || o->mirrored) return false;
  }
  return true;
}

/// out(q · 2 + t) = ((dy(q) where t is the place of the maximum, else 0) + added) · F'(at). Beyond its pixels `added`
/// is zero; `at` and `out` have all of those that dy's windows cover.
///
/// cost  reads and writes everything once; three ops on patches would write two and read them again
template <class Arch, function const* F>
void store_pool_grad(patch const& dy, operand const& place, pool_grad_rest const& rest, std::byte* arena) {
  using v = vec<Arch>;
  using bits = xsimd::batch<std::int32_t, Arch>;
  constexpr int lanes = layout::block, width = width_of<Arch>;
  // Two bits of a word for each lane. They are compared as floats, which have all of these numbers: xsimd 8.1 cannot
  // compare integers where GCC does not optimise.
  constexpr auto of_lanes = []<class T>(T, std::uint32_t x) {
    std::array<T, width> a{};
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<T>(static_cast<std::int32_t>(x << 2 * i));
    return a;
  };
  static constexpr auto both = of_lanes(std::int32_t{}, 3);
  static constexpr std::array taps{of_lanes(0.f, 0), of_lanes(0.f, 1), of_lanes(0.f, 2), of_lanes(0.f, 3)};
  bits const mask = bits::load_unaligned(both.data());
  v const tap[4] = {v::load_unaligned(taps[0].data()), v::load_unaligned(taps[1].data()),
                    v::load_unaligned(taps[2].data()), v::load_unaligned(taps[3].data())};
  operand const& o = *rest.out;
  bool const streams = is_streamed(o);
  extent const& from = dy.where.origin;
  int const left = 2 * from.width, columns = 2 * dy.where.size.width;
  for (int b = 0; b < dy.blocks(); ++b) {
    stored_block const added = stored_block::find(rest.added, rest.added_count, rest.channels, b),
                       at = stored_block::find(rest.at, rest.at != nullptr, rest.channels, b);
    for (int r = 0; r < 2 * dy.where.size.height; ++r) {
      int const y = 2 * from.height + r;
      int begin = 0, end = 0;  // the pixels of the row that something is added to
      if (added.tensor != nullptr) {
        operand const& a = *added.tensor;
        int const ay = y + a.shift.height, shift = left + a.shift.width;
        if (ay >= a.low.height && ay < a.high.height) begin = a.low.width - shift, end = a.high.width - shift;
      }
      float const* const plus = end > begin ? added.at(arena, 0, y, left) : nullptr;
      float const* const looked = at.tensor != nullptr ? at.at(arena, 0, y, left) : nullptr;
      float* const out = reinterpret_cast<float*>(arena + o.offset) +
                         (b * o.size.volume() + o.size.index(0, y, left)) * lanes;
      float const* d = dy.at(b, 0, r / 2, 0);
      std::byte const* const places = arena + detail::place_offset(place, b, 0, y / 2, from.width);
      auto const row = [&](auto const& store) {
        for (int x = 0; x < columns; x += 2, d += lanes) {
          std::uint32_t word = 0;  // four bytes for each window, the little end first
          for (int i = 0; i < 4; ++i) word |= std::to_integer<std::uint32_t>(places[2 * x + i]) << 8 * i;
          for (int lane = 0; lane < lanes; lane += width) {
            v const place_of = xsimd::to_float(bits(static_cast<std::int32_t>(word >> 2 * lane)) & mask),
                    value = v::load_unaligned(d + lane);
#pragma GCC unroll 2
            for (int t = 0; t < 2; ++t) {
              std::ptrdiff_t const pixel = std::ptrdiff_t{x + t} * lanes + lane;
              v made = xsimd::select(place_of == tap[r % 2 * 2 + t], value, v(0.f));
              if (x + t >= begin && x + t < end) made = made + v::load_unaligned(plus + pixel);
              if (looked != nullptr)
                made = made * vector_function<Arch, F>::derivative(v::load_unaligned(looked + pixel));
              store(out + pixel, made);
            }
          }
        }
      };
      if (streams) row([](float* p, v const& e) { stream<Arch>(p, e); });
      else row([](float* p, v const& e) { e.store_unaligned(p); });
    }
  }
  if (streams) stream_fence();
}

}  // namespace oxbow::on_host
