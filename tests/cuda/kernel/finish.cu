// What kernels do with their sums, step by step and sink by sink, on one small convolution.
#include <oxbow/cuda/kernel/conv_3x3.cuh>

#include <oxbow/ops/pooling.hpp>

#include "device.cuh"

using namespace oxbow;
using namespace oxbow::testing;
using on_cuda::beyond;
using on_cuda::conv_shape;
using on_cuda::conv_tile;

/// A user's activation, in no namespace of ours.
struct bump {
  static OXBOW_DEVICE float value(float x) { return x / (1.f + x * x); }
  static OXBOW_DEVICE float derivative(oxbow::at_input a) {
    float const s = 1.f + a.x * a.x;
    return (1.f - a.x * a.x) / (s * s);
  }
};

namespace {

constexpr conv_tile tile{6, 1, 2, 2, 1, 4, 2};

/// A convolution 16 → outputs of odd size, its exact sums, and how far the kernel's sums may lie from them.
template <int Outputs, class T> struct example {
  static constexpr conv_shape shape{15, 19, 16, 0, Outputs};
  extent out{1, shape.height, shape.width};
  doubles x = random_16<T>({1, shape.height + 2, shape.width + 2}, 16, 1);
  ops::filter<double> w = random_weights<T>(Outputs, 16, {1, 3, 3}, 2, 0.25f);
  std::vector<double> b = random_bias(Outputs, 3);
  doubles y = ops::convolve(x, w, b, {{1, 3, 3}});
  doubles sums = ops::convolve(magnitudes(x), magnitudes(w), std::vector<double>(b.size(), 0.5), {{1, 3, 3}});
  device_tensor<T> d_x{x};
  packed_layer<T> layer{on_cuda::pack_forward(tile.outputs(), 32, 16, 0, Outputs, 3, 3), w, b};

  double error(int c, ops::pixel p) const { return sum_tolerance<T>(145, sums(c, p)); }
  on_cuda::add_bias bias() const { return on_cuda::add_bias{layer.bias.data}; }

  template <class Sink> void run(Sink const& sink) {
    using kernel = on_cuda::conv_3x3<shape, tile, T, Sink>;
    launch<kernel>({d_x.source(), d_x.source(), reinterpret_cast<uint4 const*>(layer.weights.data), sink, nullptr,
                    nullptr});
  }
  /// Runs with these steps and compares with f(exact sum, channel, pixel), which changes by at most `slope` times as
  /// much as its sum; `own` is what the step's own arithmetic may add.
  template <class... Steps, class F> void check(F&& f, double slope, double own, Steps const&... steps) {
    device_tensor<T> d_y(out, Outputs);
    using all = on_cuda::chain<on_cuda::add_bias, Steps...>;
    run(on_cuda::store<T, all>{chained(bias(), steps...), d_y.view()});
    doubles const z = ops::make_tensor<double>(out, Outputs, [&](int c, ops::pixel p) { return f(y(c, p), c, p); });
    CHECK(mismatch(d_y.read(), z, [&](int c, ops::pixel p) {
            return slope * error(c, p) + own + store_tolerance<T>(z(c, p));
          }) == "");
  }
  static on_cuda::chain<> chained() { return {}; }
  template <class First, class... Rest> static on_cuda::chain<First, Rest...> chained(First const& f, Rest const&... r) {
    return {f, chained(r...)};
  }
};

/// Four roundings of a value below 2, and an exponential that is good to 2^−22.
constexpr double few_roundings = 8 * 0x1p-23;

}  // namespace

TEST_CASE_TEMPLATE("activations, a user's among them", T, __half, __nv_bfloat16) {
  example<24, T> e;
  e.check([](double s, int, ops::pixel) { return s > 0 ? s : 0; }, 1, 0, on_cuda::apply<relu>{});
  e.check([](double s, int, ops::pixel) { return s / (1 + s * s); }, 1, few_roundings, on_cuda::apply<bump>{});
  e.check([](double s, int, ops::pixel) { return s > 0 ? s : std::expm1(s); }, 1, few_roundings, on_cuda::apply<elu>{});
  e.check([](double s, int, ops::pixel) { return 0.5 * s * (1 + std::erf(s * std::sqrt(0.5))); }, 1.2, few_roundings,
          on_cuda::apply<gelu>{});
}

TEST_CASE("the gradient of an activation, from its output or its input") {
  example<24, __half> e;
  doubles kept = random_16<__half>(e.out, 24, 5);
  device_tensor<__half> d_kept(kept, 2);
  e.check([&](double s, int c, ops::pixel p) { return kept(c, p) > 0 ? s : 0; }, 1, 0,
          on_cuda::apply_grad<relu, __half>{d_kept.view()});
  e.check([&](double s, int c, ops::pixel p) {
            double const q = 1 + kept(c, p) * kept(c, p);
            return s * (2 - q) / (q * q);
          }, 1, 4 * few_roundings, on_cuda::apply_grad<bump, __half>{d_kept.view()});
}

TEST_CASE_TEMPLATE("dropout drops what ops says, whatever the number of channels", T, __half, __nv_bfloat16) {
  auto const check = [](auto e, int channels) {
    random_stream const stream = ops::drop_stream({9, 4, 2}, 3);
    on_cuda::run_scalars scalars;
    scalars.seed = 9, scalars.step = 4, scalars.sample = 2;
    device_array<on_cuda::run_scalars> const run(std::vector<on_cuda::run_scalars>{scalars});
    e.check([&](double s, int c, ops::pixel p) {
              auto const element = static_cast<std::uint64_t>((p.y * 19 + p.x) * channels + c);
              return s * ops::drop_factor(stream, element, 0.4f);
            }, 2, few_roundings, on_cuda::drop{run.data, 3, 0.4f, 19, channels});
  };
  check(example<24, T>{}, 24);
  check(example<11, T>{}, 11);
}

TEST_CASE("a sum with a tensor that is smaller, and lies somewhere within") {
  example<24, __half> e;
  doubles other = random_16<__half>({1, 10, 13}, 24, 6);
  device_tensor<__half> d_other(other, 1);
  on_cuda::source<__half const> seen = d_other.source();
  seen.shift_y = -2, seen.shift_x = -3;
  e.check([&](double s, int c, ops::pixel p) {
            ops::pixel const q{0, p.y - 2, p.x - 3};
            return s + (ops::contains(other.size, q) ? other(c, q) : 0);
          }, 1, few_roundings, on_cuda::add_tensor<__half>{seen});
}

TEST_CASE("steps run in the order in which they stand") {
  example<24, __half> e;
  doubles kept = random_16<__half>(e.out, 24, 5);
  device_tensor<__half> d_kept(kept, 2);
  on_cuda::add_tensor<__half> const add{d_kept.source()};
  e.check([&](double s, int c, ops::pixel p) { return s + kept(c, p) > 0 ? s + kept(c, p) : 0; }, 1, few_roundings, add,
          on_cuda::apply<relu>{});
  e.check([&](double s, int c, ops::pixel p) { return (s > 0 ? s : 0) + kept(c, p); }, 1, few_roundings,
          on_cuda::apply<relu>{}, add);
}

TEST_CASE_TEMPLATE("pooling beside the full size: what is stored is pooled, the first maximum counts", T, __half,
                   __nv_bfloat16) {
  example<40, T> e;
  // relu makes many equal maxima
  using steps = on_cuda::chain<on_cuda::add_bias, on_cuda::apply<relu>>;
  extent const half{1, e.out.height / 2, e.out.width / 2};
  int const octets = 5;
  auto const check = [&]<on_cuda::pooling P>(std::integral_constant<on_cuda::pooling, P>, bool full) {
    device_tensor<T> d_y(e.out, 40), d_pooled(half, 40);
    device_array<std::uint16_t> places(static_cast<std::size_t>(half.height * half.width * octets));
    on_cuda::view<T> to = d_y.view();
    if (!full) to.data = nullptr;
    e.run(on_cuda::store_and_pool<T, P, steps>{{e.bias(), {}}, to, d_pooled.view(),
                                            {places.data, octets, half.width}, half.height, half.width});
    if (!full) return;
    doubles const y = d_y.read();
    doubles z = e.y;
    for (double& v : z.data) v = v > 0 ? v : 0;
    CHECK(mismatch(y, z, [&](int c, ops::pixel p) { return e.error(c, p) + store_tolerance<T>(z(c, p)); }) == "");
    if (P == on_cuda::pooling::mean) {
      doubles const mean = ops::avg_pool(y, {1, 2, 2});
      CHECK(mismatch(d_pooled.read(), mean, [&](int c, ops::pixel p) {
              return 4 * 0x1p-23 * mean(c, p) + store_tolerance<T>(mean(c, p));
            }) == "");
      return;
    }
    auto const pooled = ops::max_pool(y, {1, 2, 2});
    CHECK(mismatch(d_pooled.read(), pooled.y, [](int, ops::pixel) { return 0; }) == "");
    auto const bits = places.host();
    if (P == on_cuda::pooling::max_with_place) {
      doubles const place = ops::make_tensor<double>(half, 40, [&](int c, ops::pixel p) {
        return bits[place_word(octets, half.width, p, c)] >> c % 8 * 2 & 3;
      });
      CHECK(mismatch(place, pooled.place, [](int, ops::pixel) { return 0; }) == "");
    } else {
      for (std::uint16_t b : bits) REQUIRE(b == 0xffff);
    }
  };
  check(std::integral_constant<on_cuda::pooling, on_cuda::pooling::max>{}, true);
  check(std::integral_constant<on_cuda::pooling, on_cuda::pooling::max_with_place>{}, true);
  check(std::integral_constant<on_cuda::pooling, on_cuda::pooling::mean>{}, true);
  check(std::integral_constant<on_cuda::pooling, on_cuda::pooling::max>{}, false);
}

TEST_CASE("both sides of a join get their channels") {
  example<40, __half> e;
  device_tensor<__half> d_first(e.out, 16, 2), d_second(e.out, 24);
  using way = on_cuda::store<__half, on_cuda::chain<on_cuda::add_bias>>;
  // the second side has its bias from its own first channel on
  e.run(on_cuda::sides<way, way>{{{e.bias(), {}}, d_first.view()},
                              {{{e.layer.bias.data + 16}, {}}, d_second.view()}, 16});
  doubles const first = d_first.read(), second = d_second.read();
  doubles const both = ops::make_tensor<double>(e.out, 40, [&](int c, ops::pixel p) {
    return c < 16 ? first(c, p) : second(c - 16, p);
  });
  CHECK(mismatch(both, e.y, [&](int c, ops::pixel p) { return e.error(c, p) + store_tolerance<__half>(e.y(c, p)); }) ==
        "");
}
TEST_CASE("a side of a join is masked, the other is not") {
  example<40, __half> e;
  doubles const seen = random_16<__half>(e.out, 16, 5);
  device_tensor<__half> d_first(e.out, 16, 2), d_second(e.out, 24), d_seen(seen, 3);
  using plain = on_cuda::store<__half, on_cuda::chain<on_cuda::add_bias>>;
  using masked = on_cuda::store<__half, on_cuda::chain<on_cuda::add_bias, on_cuda::apply_grad<relu, __half>>>;
  e.run(on_cuda::sides<masked, plain>{{{e.bias(), {{d_seen.view()}, {}}}, d_first.view()},
                                      {{{e.layer.bias.data + 16}, {}}, d_second.view()}, 16});
  doubles const first = d_first.read(), second = d_second.read();
  CHECK(mismatch(first, ops::make_tensor<double>(e.out, 16, [&](int c, ops::pixel p) {
          return seen(c, p) > 0 ? e.y(c, p) : 0.;
        }), [&](int c, ops::pixel p) { return e.error(c, p) + store_tolerance<__half>(e.y(c, p)); }) == "");
  CHECK(mismatch(second, ops::make_tensor<double>(e.out, 24, [&](int c, ops::pixel p) { return e.y(c + 16, p); }),
                 [&](int c, ops::pixel p) { return e.error(c + 16, p) + store_tolerance<__half>(e.y(c + 16, p)); }) == "");
}

TEST_CASE_TEMPLATE("the gradient goes back through a pooling, is added to and masked", T, __half, __nv_bfloat16) {
  example<24, T> e;
  extent const large{1, 31, 38};  // one odd: the last row is in no window
  int const octets = 3;
  doubles const x = random_16<T>(large, 24, 7), skip = random_16<T>({1, 20, 20}, 24, 8);
  auto const pooled = ops::max_pool(x, {1, 2, 2});
  std::vector<std::uint16_t> bits(static_cast<std::size_t>(15 * 19 * octets));
  for (int c = 0; c < 24; ++c)
    ops::for_each_pixel(e.out, [&](ops::pixel p) {
      bits[static_cast<std::size_t>((p.y * 19 + p.x) * octets + c / 8)] |=
          static_cast<std::uint16_t>(static_cast<int>(pooled.place(c, p)) << c % 8 * 2);
    });
  device_array<std::uint16_t> const places(bits);
  device_tensor<T> d_x(x), d_skip(skip), d_dx(large, 24);
  on_cuda::source<T const> seen = d_skip.source();
  seen.shift_y = -5, seen.shift_x = -9;

  using steps = on_cuda::chain<on_cuda::add_tensor<T>, on_cuda::apply_grad<relu, T>>;
  auto const check = [&]<on_cuda::pooling P>(std::integral_constant<on_cuda::pooling, P>) {
    e.run(on_cuda::scatter<T, P, steps>{{}, {{seen}, {{d_x.view()}, {}}}, d_dx.view(), {places.data, octets, 19}, 31,
                                     38});
    auto const back = [&](doubles const& dy) {
      return P == on_cuda::pooling::mean ? ops::avg_pool_grad(dy, {1, 2, 2}, large)
                                      : ops::max_pool_grad(dy, pooled.place, {1, 2, 2}, large);
    };
    // no bias here
    doubles const sums = ops::convolve(e.x, e.w, std::vector<double>(24), {{1, 3, 3}});
    doubles const errors = ops::make_tensor<double>(e.out, 24, [&](int c, ops::pixel p) { return e.error(c, p); });
    doubles const all = back(sums), allowed = back(errors);
    doubles const dx = ops::make_tensor<double>(large, 24, [&](int c, ops::pixel p) {
      ops::pixel const q{0, p.y - 5, p.x - 9};
      double const v = all(c, p) + (ops::contains(skip.size, q) ? skip(c, q) : 0);
      return x(c, p) > 0 ? v : 0;
    });
    CHECK(mismatch(d_dx.read(), dx, [&](int c, ops::pixel p) {
            return allowed(c, p) + few_roundings + store_tolerance<T>(dx(c, p));
          }) == "");
  };
  check(std::integral_constant<on_cuda::pooling, on_cuda::pooling::max_with_place>{});
  check(std::integral_constant<on_cuda::pooling, on_cuda::pooling::mean>{});

  // masked before by what was pooled, then added to
  using only_added = on_cuda::chain<on_cuda::add_tensor<T>>;
  using before = on_cuda::chain<on_cuda::apply_grad<relu, T>>;
  device_tensor<T> const d_pooled(pooled.y, 1);
  device_tensor<T> d_other(large, 24);
  e.run(on_cuda::scatter<T, on_cuda::pooling::max_with_place, only_added, before>{
      {{const_cast<device_tensor<T>&>(d_pooled).view()}, {}}, {{seen}, {}}, d_other.view(),
      {places.data, octets, 19}, 31, 38});
  doubles sums = ops::convolve(e.x, e.w, std::vector<double>(24), {{1, 3, 3}});
  doubles errors = ops::make_tensor<double>(e.out, 24, [&](int c, ops::pixel p) { return e.error(c, p); });
  for (std::size_t i = 0; i < sums.data.size(); ++i)
    if (!(pooled.y.data[i] > 0)) sums.data[i] = errors.data[i] = 0;
  doubles const all = ops::max_pool_grad(sums, pooled.place, {1, 2, 2}, large),
                allowed = ops::max_pool_grad(errors, pooled.place, {1, 2, 2}, large);
  doubles const dx = ops::make_tensor<double>(large, 24, [&](int c, ops::pixel p) {
    ops::pixel const q{0, p.y - 5, p.x - 9};
    return all(c, p) + (ops::contains(skip.size, q) ? skip(c, q) : 0);
  });
  CHECK(mismatch(d_other.read(), dx, [&](int c, ops::pixel p) {
          return allowed(c, p) + few_roundings + store_tolerance<T>(dx(c, p));
        }) == "");
}
