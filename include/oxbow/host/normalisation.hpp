// Statistics over the pixels of stored tensors: what norms, their gradients and the gradient of a bias need.
#pragma once
#include <cmath>

#include <oxbow/host/reduce.hpp>
#include <oxbow/ops/norm_factors.hpp>

namespace oxbow::on_host {

// Every function here reads whole tensors through gather(), once, and gives the same bits for any number of threads.
// x, dy: `count` operands, one after the other along the channels, `channels` channels of `size` pixels in all.
// Arrays have one float per channel or group.

namespace detail {

/// Count, mean, and sum of squared deviations from it, for the lanes of a block.
struct moments {
  double count = 0;
  double mean[layout::block] = {}, squares[layout::block] = {};
};

/// Joins two sets. source  Chan, Golub and LeVeque 1983, equation 2.1
inline void join_moments(double& count, double& mean, double& squares, double more, double its_mean,
                         double its_squares) {
  if (more == 0) return;
  double const total = count + more, apart = its_mean - mean;
  mean += apart * (more / total);
  squares += its_squares + apart * apart * (count * more / total);
  count = total;
}
inline void join_moments(moments& a, moments const& b) {
  double count = a.count;
  for (int i = 0; i < layout::block; ++i) {
    count = a.count;
    join_moments(count, a.mean[i], a.squares[i], b.count, b.mean[i], b.squares[i]);
  }
  a.count = count;
}

/// The moments of a patch of one block: a mean first, then the deviations from it, whose sum corrects the mean.
/// Deviations are small numbers where values may be large ones, so that nothing cancels.
template <class Arch> moments moments_of(patch const& x) {
  using v = vec<Arch>;
  lane_sums<1> values;
  add_up<Arch>(
      values, x.block_floats(), x.lanes, [](int, v const& e) { return vectors<Arch, 1>{{e}}; }, x.data);
  double const n = static_cast<double>(x.where.size.volume());
  float about[layout::block] = {};
  for (int i = 0; i < x.lanes; ++i) about[i] = static_cast<float>(values.of[0][i] / n);
  lane_pattern<Arch> const middle{about, x.lanes};
  lane_sums<2> apart;
  add_up<Arch>(
      apart, x.block_floats(), x.lanes,
      [&](int phase, v const& e) {
        v const d = e - middle[phase];
        return vectors<Arch, 2>{{d, d * d}};
      },
      x.data);
  moments m{.count = n};
  for (int i = 0; i < x.lanes; ++i) {
    m.mean[i] = static_cast<double>(about[i]) + apart.of[0][i] / n;
    double const squares = apart.of[1][i] - apart.of[0][i] * apart.of[0][i] / n;
    m.squares[i] = squares < 0 ? 0 : squares;  // a NaN stays one
  }
  return m;
}

template <class Arch>
std::vector<moments> all_moments(thread_pool& pool, joined x, std::byte const* arena, extent size, int channels) {
  return over_parts<moments>(
      pool, size, channels,
      [&](int block, int part, int parts, moments& m) {
        block_patch memory;
        for_each_box(size, part, parts, [&](box const& b) {
          join_moments(m, moments_of<Arch>(memory.gather_from(x, arena, b, block, channels)));
        });
      },
      [](moments& total, moments const& more) { join_moments(total, more); });
}

}  // namespace detail

/// Mean and 1 / sqrt(variance + epsilon) of each group, over its channels and all pixels. Where running statistics
/// are given, they move towards those of x, as ops::update_running says.
///
/// shapes  out: 2 · groups, the means first; running mean and variance: channels each, and then groups = channels
/// error   with d the deviations from the mean of the patch that a pixel lies in: of the mean below
///         17 · 2^−24 · mean |d| before its last rounding, of the variance below 20 · 2^−24 of itself
template <class Arch = native>
void norm_statistics(thread_pool& pool, operand const* x, int count, std::byte const* arena, extent size, int channels,
                     int groups, float* out, float* running_mean = nullptr, float* running_variance = nullptr) {
  auto const all = detail::all_moments<Arch>(pool, {x, count}, arena, size, channels);
  int const members = channels / groups;
  for (int g = 0; g < groups; ++g) {
    double n = 0, mean = 0, squares = 0;
    for (int c = g * members; c < (g + 1) * members; ++c) {
      auto const& m = all[static_cast<std::size_t>(c / layout::block)];
      detail::join_moments(n, mean, squares, m.count, m.mean[c % layout::block], m.squares[c % layout::block]);
    }
    out[g] = static_cast<float>(mean);
    out[groups + g] = static_cast<float>(1 / std::sqrt(squares / n + ops::norm_epsilon));
    auto const move = [](float& old, double to) {
      old = static_cast<float>((1 - ops::norm_momentum) * static_cast<double>(old) + ops::norm_momentum * to);
    };
    if (running_mean != nullptr) {
      move(running_mean[g], mean);
      move(running_variance[g], squares / std::max(n - 1, 1.));
    }
  }
}

/// The arrays of normalise(): y = x · factor + offset.
///
/// shapes  factor and offset: channels, rounded up to whole blocks; what no channel has is zero
inline void norm_factors(float const* scale, float const* shift, float const* statistics, int channels, int groups,
                         float* factor, float* offset) {
  int const padded = layout::blocks(channels) * layout::block;
  for (int c = 0; c < padded; ++c) {
    if (c >= channels) {
      factor[c] = offset[c] = 0;
      continue;
    }
    int const g = c / (channels / groups);
    auto const f = ops::norm_factor_of(scale[c], shift[c], statistics[g], statistics[groups + g]);
    factor[c] = f.a, offset[c] = f.b;
  }
}

/// The same from running statistics, each channel by itself.
inline void running_factors(float const* scale, float const* shift, float const* mean, float const* variance,
                            int channels, float* factor, float* offset) {
  for (int c = 0; c < channels; ++c) {
    auto const f = ops::running_factor_of(scale[c], shift[c], mean[c], variance[c]);
    factor[c] = f.a, offset[c] = f.b;
  }
  for (int c = channels; c < layout::blocks(channels) * layout::block; ++c) factor[c] = offset[c] = 0;
}

/// The sums over the pixels of dy · x̂ for each channel, then of dy for each; also the gradients of scale and shift.
///
/// shapes  dy and x: channels × size; statistics: 2 · groups; sums: 2 · channels
/// error   below 19 · 2^−24 of the sum of the terms' absolute values, before the last rounding
template <class Arch = native> void norm_grad_statistics(thread_pool& pool, operand const* dy, int dy_count,
                                                         operand const* x, int x_count, std::byte const* arena,
                                                         extent size, int channels, int groups, float const* statistics,
                                                         float* sums) {
  using v = vec<Arch>;
  auto const all = detail::over_parts<lane_sums<2>>(
      pool, size, channels,
      [&](int block, int part, int parts, lane_sums<2>& sum) {
        detail::block_patch dy_memory, x_memory;
        float mean[layout::block] = {};
        int const first = block * layout::block, lanes = layout::lanes(channels - first);
        for (int i = 0; i < lanes; ++i) mean[i] = statistics[(first + i) / (channels / groups)];
        lane_pattern<Arch> const middle{mean, lanes};
        detail::for_each_box(size, part, parts, [&](box const& b) {
          patch const& d = dy_memory.gather_from({dy, dy_count}, arena, b, block, channels);
          patch const& e = x_memory.gather_from({x, x_count}, arena, b, block, channels);
          detail::add_up<Arch>(
              sum, d.block_floats(), d.lanes,
              [&](int phase, v const& g, v const& value) {
                return detail::vectors<Arch, 2>{{g * (value - middle[phase]), g}};
              },
              d.data, e.data);
        });
      },
      detail::add_sums<2>);
  for (int c = 0; c < channels; ++c) {
    auto const& sum = all[static_cast<std::size_t>(c / layout::block)];
    double const inverse = double{statistics[groups + c / (channels / groups)]};
    sums[c] = static_cast<float>(sum.of[0][c % layout::block] * inverse);
    sums[channels + c] = static_cast<float>(sum.of[1][c % layout::block]);
  }
}

/// The arrays of norm_grad(): dx = dy · a + x · b + c, from the sums of norm_grad_statistics over `pixels` pixels.
///
/// shapes  a, b and c: channels, rounded up to whole blocks; what no channel has is zero
inline void norm_grad_factors(float const* scale, float const* statistics, float const* sums, int channels, int groups,
                              std::int64_t pixels, float* a, float* b, float* c) {
  int const padded = layout::blocks(channels) * layout::block, members = channels / groups;
  for (int i = 0; i < padded; ++i) a[i] = b[i] = c[i] = 0;
  for (int g = 0; g < groups; ++g) {
    auto const means = ops::norm_grad_means_of(g, scale, sums, channels, groups, pixels);
    for (int i = g * members; i < (g + 1) * members; ++i) {
      auto const f = ops::norm_grad_factor_of(scale[i], statistics[g], statistics[groups + g], means);
      a[i] = f.a, b[i] = f.b, c[i] = f.c;
    }
  }
}

/// The sum of dy over the pixels, for each channel; where `accumulate`, added to what is there.
///
/// error   below 17 · 2^−24 of the sum of the absolute values, before the last rounding
template <class Arch = native> void bias_grad(thread_pool& pool, operand const* dy, int count, std::byte const* arena,
                                              extent size, int channels, float* out, bool accumulate) {
  auto const all = detail::over_parts<lane_sums<1>>(
      pool, size, channels,
      [&](int block, int part, int parts, lane_sums<1>& sum) {
        detail::block_patch memory;
        detail::for_each_box(size, part, parts, [&](box const& b) {
          patch const& d = memory.gather_from({dy, count}, arena, b, block, channels);
          detail::add_up<Arch>(
              sum, d.block_floats(), d.lanes, [](int, vec<Arch> const& e) { return detail::vectors<Arch, 1>{{e}}; },
              d.data);
        });
      },
      detail::add_sums<1>);
  for (int c = 0; c < channels; ++c) {
    double const sum = all[static_cast<std::size_t>(c / layout::block)].of[0][c % layout::block];
    out[c] = static_cast<float>(accumulate ? static_cast<double>(out[c]) + sum : sum);
  }
}

}  // namespace oxbow::on_host
