// Reductions over stored tensors against ops/, and the same bits for any number of threads.
#include <oxbow/host/normalisation.hpp>

#include <oxbow/host/elementwise.hpp>
#include <oxbow/ops/convolution.hpp>
#include <oxbow/ops/views.hpp>

#include "patches.hpp"

using namespace oxbow;
using namespace oxbow::testing;

namespace {

/// What two tensors, joined, show through a crop; or one tensor as it is.
struct shown {
  floats value;
  std::vector<operand> operands;
  int count() const { return static_cast<int>(operands.size()); }
};

shown some_tensor(small_arena& arena, chance& any, extent size, int channels, float low = -1, float high = 1) {
  shown s;
  if (channels == 1 || any.below(2) == 0) {
    s.value = any.tensor(size, channels, low, high);
    s.operands.push_back(arena.put(s.value));
    return s;
  }
  int const first = any.between(1, channels - 1);
  extent const border{0, any.below(3), any.below(3)};
  floats const a = any.tensor(ops::bordered(size, border), first, low, high),
               b = any.tensor(size, channels - first, low, high);
  s.operands = {arena.put(a), arena.put(b)};
  s.operands[0].shift = s.operands[0].low = border;
  for (int k = 0; k < 3; ++k) s.operands[0].high[k] = border[k] + size[k];
  s.value = ops::join(ops::crop(a, border, size), b);
  return s;
}

/// From one pixel to some that take several parts, and boxes narrower than their rows.
extent some_size(chance& any, std::uint64_t seed) {
  extent const large[] = {{1, 61, 67}, {3, 29, 31}, {1, 2, 1100}, {1, 300, 9}, {1, 1, 513}};
  return seed % 4 == 0 ? large[seed / 4 % 5] : any.size();
}
int some_groups(chance& any, int channels) {
  std::vector<int> fitting;
  for (int g = 1; g <= channels; ++g)
    if (channels % g == 0) fitting.push_back(g);
  return any.below(2) == 0 ? channels : fitting[static_cast<std::size_t>(any.below(static_cast<int>(fitting.size())))];
}

/// Runs f(pool, out) for 1, 2 and 4 threads and returns the n floats that all of them make.
template <class F> std::vector<float> same_for_any_threads(int n, F&& f) {
  std::vector<float> first;
  for (int threads : {1, 2, 4}) {
    on_host::thread_pool pool{threads};
    std::vector<float> out(static_cast<std::size_t>(n) + 1, poison());
    out.back() = -77;
    f(pool, out.data());
    CHECK(out.back() == -77);
    out.pop_back();
    if (threads == 1) first = out;
    CHECK(std::memcmp(first.data(), out.data(), out.size() * sizeof(float)) == 0);
  }
  return first;
}
floats as_tensor(std::vector<float> const& v) {
  floats t{{1, 1, 1}, static_cast<int>(v.size())};
  t.data = v;
  return t;
}
std::string mismatch_of(std::vector<float> const& is, std::vector<double> const& expected,
                        std::vector<double> const& tolerance) {
  for (std::size_t i = 0; i < is.size(); ++i)
    if (auto const d = difference(static_cast<int>(i), {}, is[i], expected[i], tolerance[i]); !d.empty()) return d;
  return {};
}

}  // namespace

TEST_CASE("mean and deviation of each group, and the running ones, are those of ops") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    chance any{seed};
    extent const size = some_size(any, seed);
    int const channels = any.channels(), groups = some_groups(any, channels);
    small_arena arena;
    float const offset = any.pick({0.f, 0.f, 3.f, -1000.f}), spread = any.pick({1.f, 1.f, 0.f, 0.01f});
    shown const x = some_tensor(arena, any, size, channels, offset - spread, offset + spread);
    INFO(seed, ": ", describe(size, {}, channels), " in ", groups, " groups around ", offset);

    std::vector<float> const old_mean = any.numbers(channels), old_variance = any.numbers(channels, 0, 2);
    bool const runs = groups == channels;
    auto const made = same_for_any_threads(2 * groups + 2 * channels, [&](on_host::thread_pool& pool, float* out) {
      float *const mean = out + 2 * groups, *const variance = mean + channels;
      std::copy(old_mean.begin(), old_mean.end(), mean);
      std::copy(old_variance.begin(), old_variance.end(), variance);
      on_host::norm_statistics(pool, x.operands.data(), x.count(), arena.bytes(), size, channels, groups, out,
                               runs ? mean : nullptr, runs ? variance : nullptr);
    });

    doubles const all = exact(x.value), right = ops::norm_statistics(all, groups);
    std::vector<double> new_mean = exact(old_mean), new_variance = exact(old_variance);
    if (runs) ops::update_running(all, new_mean, new_variance);
    std::vector<double> expected = right.data, tolerance(made.size());
    expected.insert(expected.end(), new_mean.begin(), new_mean.end());
    expected.insert(expected.end(), new_variance.begin(), new_variance.end());
    int const members = channels / groups;
    double const n = static_cast<double>(size.volume() * members);
    for (int g = 0; g < groups; ++g) {
      double const mean = right(g, {}), inverse = right(groups + g, {});
      double apart = 0, squares = 0;
      for (int c = g * members; c < (g + 1) * members; ++c)
        ops::for_each_pixel(size, [&](ops::pixel p) {
          apart += std::fabs(all(c, p) - mean);
          squares += (all(c, p) - mean) * (all(c, p) - mean);
        });
      // Deviations are from the mean of a patch, which is at most as far from the mean of all as its pixels are on
      // average: 2 · apart. That mean is a float sum of 16 terms at a time: off by 17 u of |mean| + apart.
      auto const at = static_cast<std::size_t>(g);
      double const off = 17 * rounding * (std::fabs(mean) + apart / n);
      double const mean_error = 17 * rounding * (2 * apart / n + off);
      double const variance_error = 20 * rounding * (squares / n + off * off);
      tolerance[at] = mean_error + rounding * std::fabs(mean);
      tolerance[at + static_cast<std::size_t>(groups)] =
          0.5 * variance_error * inverse * inverse * inverse + 2 * rounding * inverse;
      if (!runs) continue;
      double const unbiased = n / std::max(n - 1, 1.);
      std::size_t const m = at + static_cast<std::size_t>(2 * groups), v = m + static_cast<std::size_t>(channels);
      tolerance[m] = 0.1 * mean_error + rounding * std::fabs(expected[m]);
      tolerance[v] = 0.1 * variance_error * unbiased + rounding * std::fabs(expected[v]);
    }
    CHECK(mismatch_of(made, expected, tolerance) == "");
  }
}

TEST_CASE("the sums for the gradient of a norm are those of ops, and so are norm and gradient made from them") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    chance any{seed};
    extent const size = some_size(any, seed);
    int const channels = any.channels(), groups = some_groups(any, channels), padded = (channels + 15) / 16 * 16;
    small_arena arena;
    float const offset = any.pick({0.f, 2.f, -300.f});
    shown const x = some_tensor(arena, any, size, channels, offset - 1, offset + 2);
    shown const dy = some_tensor(arena, any, size, channels);
    floats statistics = ops::norm_statistics(x.value, groups);
    INFO(seed, ": ", describe(size, {}, channels), " in ", groups, " groups around ", offset);

    auto const sums = same_for_any_threads(2 * channels, [&](on_host::thread_pool& pool, float* out) {
      on_host::norm_grad_statistics(pool, dy.operands.data(), dy.count(), x.operands.data(), x.count(), arena.bytes(),
                                    size, channels, groups, statistics.data.data(), out);
    });
    doubles const xd = exact(x.value), dyd = exact(dy.value), sd = exact(statistics);
    doubles const right = ops::norm_grad_statistics(dyd, xd, sd);
    std::vector<double> tolerance(sums.size());
    for (int c = 0; c < channels; ++c) {
      double with_x = 0, alone = 0;
      ops::for_each_pixel(size, [&](ops::pixel p) {
        with_x += std::fabs(dyd(c, p) * ops::normalised(xd, sd, c, p));
        alone += std::fabs(dyd(c, p));
      });
      auto const at = static_cast<std::size_t>(c), other = static_cast<std::size_t>(channels + c);
      tolerance[at] = rounding * (19 * with_x + std::fabs(right(c, {})));
      tolerance[other] = rounding * (17 * alone + std::fabs(right(channels + c, {})));
    }
    CHECK(mismatch_of(sums, right.data, tolerance) == "");

    std::vector<float> const scale = any.numbers(channels, -2, 2), shift = any.numbers(channels);
    std::vector<float> a(static_cast<std::size_t>(padded), poison()), b = a, c = a;
    auto const of = [](std::vector<float> const& v, int i) {
      return std::fabs(static_cast<double>(v[static_cast<std::size_t>(i)]));
    };
    on_host::norm_factors(scale.data(), shift.data(), statistics.data.data(), channels, groups, a.data(), b.data());
    owned_patch y{any.part(size), channels, any.below(2) == 0};
    on_host::normalise(y.show(x.value).p, a.data(), b.data());
    // Each array carries one rounding, and normalise() two more.
    CHECK(mismatch(y, ops::norm(xd, sd, exact(scale), exact(shift)), [&](int k, ops::pixel p) {
            return 3 * rounding * (std::fabs(xd(k, p)) * of(a, k) + of(b, k));
          }) == "");

    on_host::norm_grad_factors(scale.data(), statistics.data.data(), sums.data(), channels, groups, size.volume(),
                               a.data(), b.data(), c.data());
    owned_patch d{y.p.where, channels, any.below(2) == 0}, from{y.p.where, channels, any.below(2) == 0};
    on_host::norm_grad(d.show(dy.value).p, from.show(x.value).p, a.data(), b.data(), c.data());
    CHECK(mismatch(d, ops::norm_grad(dyd, xd, sd, exact(as_tensor(sums)), exact(scale)), [&](int k, ops::pixel p) {
            return 5 * rounding * (std::fabs(dyd(k, p)) * of(a, k) + std::fabs(xd(k, p)) * of(b, k) + of(c, k));
          }) == "");
    for (int k = channels; k < padded; ++k) CHECK((of(a, k) == 0 && of(b, k) == 0 && of(c, k) == 0));
  }
}

TEST_CASE("the gradient of a bias is the sum over the pixels, and adds up over examples") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    chance any{seed};
    extent const size = some_size(any, seed);
    int const channels = any.channels();
    small_arena arena;
    shown const dy = some_tensor(arena, any, size, channels);
    std::vector<float> const before = any.numbers(channels);
    std::vector<double> const right = ops::bias_grad(exact(dy.value));
    for (bool const accumulate : {false, true}) {
      auto const sums = same_for_any_threads(channels, [&](on_host::thread_pool& pool, float* out) {
        if (accumulate) std::copy(before.begin(), before.end(), out);
        on_host::bias_grad(pool, dy.operands.data(), dy.count(), arena.bytes(), size, channels, out, accumulate);
      });
      std::vector<double> expected = right, tolerance;
      for (int c = 0; c < channels; ++c) {
        auto const at = static_cast<std::size_t>(c);
        double alone = 0;
        ops::for_each_pixel(size, [&](ops::pixel p) { alone += std::fabs(static_cast<double>(dy.value(c, p))); });
        if (accumulate) expected[at] += static_cast<double>(before[at]);
        tolerance.push_back(rounding * (17 * alone + std::fabs(expected[at])));
      }
      INFO(seed, ": ", describe(size, {}, channels), accumulate ? std::string{", accumulated"} : std::string{});
      CHECK(mismatch_of(sums, expected, tolerance) == "");
    }
  }
}

TEST_CASE("one pixel that is no number shows in the statistics of its channel and of no other") {
  floats x{{1, 40, 40}, 20, 1};
  x(17, {0, 31, 7}) = poison();
  small_arena arena;
  operand const o = arena.put(x);
  on_host::thread_pool pool{2};
  std::vector<float> made(40);
  on_host::norm_statistics(pool, &o, 1, arena.bytes(), x.size, 20, 20, made.data());
  for (int i = 0; i < 40; ++i) CHECK(std::isnan(made[static_cast<std::size_t>(i)]) == (i % 20 == 17));
}
