// Ops that look at one element of each input at a time, on patches and in place.
#pragma once
#include <oxbow/core/random.hpp>
#include <oxbow/host/sweep.hpp>
#include <oxbow/host/vector_function.hpp>

namespace oxbow::on_host {

// A patch and what it is computed with cover the same box and channels; lanes and block strides may differ. The floats
// of lanes beyond the channels are computed on as well, as whatever they are. Cost, but for exp and erf: reads and
// writes once.

/// x = f(x).
template <class Arch, function const* F> void activate(patch const& x) {
  if constexpr (!detail::is_function<F, identity>)
    sweep<Arch>(x, [](int, vec<Arch> const& e) { return vector_function<Arch, F>::value(e); });
}

/// dy = dy · f'(at): `at` is the activation's output if F->of_output, else its input.
template <class Arch, function const* F> void activate_grad(patch const& dy, box_view const& at) {
  if constexpr (!detail::is_function<F, identity>)
    sweep<Arch>(dy, at, [](int, vec<Arch> const& d, vec<Arch> const& e) {
      return d * vector_function<Arch, F>::derivative(e);
    });
}

/// y = y + other.
template <class Arch = native> void add(patch const& y, box_view const& other) {
  sweep<Arch>(y, other, [](int, vec<Arch> const& a, vec<Arch> const& b) { return a + b; });
}

/// x = x · mask, the mask that ops/dropout.hpp defines, to the bit; backward it is the same op on dy.
///
/// shapes  x: any box of a value of value_size pixels and value_channels channels, from channel `first` on
/// cost    four elements share one call of the random generator where the number of channels allows, about 20
///         multiplications; else up to twice as many calls
inline void drop(patch const& x, extent value_size, int value_channels, int first, random_stream const& stream,
                 float rate) {
  float const factors[2] = {1.f / (1.f - rate), 0.f};          // by index: nobody can predict a branch here
  auto const mask = [&](float& e, std::uint32_t word) { e *= factors[unit_float(word) < rate]; };
  bool const by_four = value_channels % 4 == 0 && first % 4 == 0 && x.channels % 4 == 0;
  box const& at = x.where;
  for (int b = 0; b < x.blocks(); ++b)
    for (int z = 0; z < at.size.depth; ++z)
      for (int y = 0; y < at.size.height; ++y) {
        int const channels = x.channels_in(b);
        std::int64_t const pixel = value_size.index(at.origin.depth + z, at.origin.height + y, at.origin.width);
        auto element = static_cast<std::uint64_t>(pixel * value_channels + first + b * layout::block);
        float* e = x.at(b, z, y, 0);
        float* const end = e + std::ptrdiff_t{at.size.width} * x.lanes;
        constexpr int pixels = 4, calls = pixels * layout::block / 4;  // side by side
        for (; by_four && channels == layout::block && end - e >= pixels * layout::block; e += pixels * layout::block) {
          lanes<std::uint64_t, calls> index;
          for (int i = 0; i < calls; ++i)
            index[i] = (element + static_cast<std::uint64_t>(i / pixels * value_channels)) / 4 +
                       static_cast<std::uint64_t>(i % pixels);
          auto const r = stream.words(index);
          for (int i = 0; i < calls; ++i)
            for (int k = 0; k < 4; ++k) mask(e[4 * i + k], r.word[k][i]);
          element += static_cast<std::uint64_t>(pixels * value_channels);
        }
        for (; e != end; e += x.lanes, element += static_cast<std::uint64_t>(value_channels)) {
          random_words r{};
          for (int c = 0; c < channels; ++c) {
            std::uint64_t const i = element + static_cast<std::uint64_t>(c);
            if (c == 0 || i % 4 == 0) r = stream.words(i / 4);
            if (by_four) {
              for (int k = 0; k < 4; ++k) mask(e[c + k], r.word[k]);
              c += 3;
            } else {
              mask(e[c], r.word[i % 4]);
            }
          }
        }
      }
}

/// x[c] = x[c] · factor[c] + offset[c]: a norm whose statistics are known. norm_factors() makes the arrays.
///
/// shapes  factor and offset: one float per channel, readable up to a whole number of blocks
template <class Arch = native> void normalise(patch const& x, float const* factor, float const* offset) {
  for (int b = 0; b < x.blocks(); ++b) {
    lane_pattern<Arch> const f{factor + b * layout::block, x.lanes}, o{offset + b * layout::block, x.lanes};
    sweep_block<Arch>(x, b, [&](int phase, vec<Arch> const& e) { return multiply_add(e, f[phase], o[phase]); });
  }
}

/// dy[c] = dy[c] · a[c] + x[c] · b[c] + c[c]: the gradient of a norm. norm_grad_factors() makes the arrays.
///
/// shapes  a, b and c: one float per channel, readable up to a whole number of blocks
template <class Arch = native>
void norm_grad(patch const& dy, box_view const& x, float const* a, float const* b, float const* c) {
  for (int k = 0; k < dy.blocks(); ++k) {
    int const first = k * layout::block;
    lane_pattern<Arch> const pa{a + first, dy.lanes}, pb{b + first, dy.lanes}, pc{c + first, dy.lanes};
    sweep_block<Arch>(dy, x, k, [&](int phase, vec<Arch> const& d, vec<Arch> const& e) {
      return multiply_add(d, pa[phase], multiply_add(e, pb[phase], pc[phase]));
    });
  }
}

}  // namespace oxbow::on_host
