// What is done octet by octet: norms, their gradients, sums over pixels. Odd sizes and channels, two tensors as one.
#include <oxbow/cuda/kernel/octet_map.cuh>
#include <oxbow/cuda/kernel/octet_sums.cuh>
#include <oxbow/ops/normalisation.hpp>
#include <oxbow/ops/pooling.hpp>
#include <oxbow/ops/views.hpp>

#include "device.cuh"

using namespace oxbow;
using namespace oxbow::testing;

namespace {

struct shape {
  extent size;
  int channels, groups;
};
/// One pixel; channels that fill no octet; pixels that fill no round; more octets than a block of a sum has.
constexpr shape shapes[] = {{{1, 1, 1}, 1, 1},   {{1, 5, 7}, 9, 3},    {{1, 13, 19}, 20, 20},
                            {{1, 33, 21}, 40, 1}, {{1, 7, 6}, 136, 136}, {{1, 66, 67}, 17, 17}};

std::vector<float> floats(doubles const& x) { return {x.data.begin(), x.data.end()}; }
std::vector<double> in_double(std::vector<float> const& v) { return {v.begin(), v.end()}; }
/// Numbers around `middle`, as many as asked for.
std::vector<float> numbers(int count, std::uint64_t seed, float middle) {
  random_stream const s{seed, purpose::noise, 4, 0};
  std::vector<float> v;
  for (int i = 0; i < count; ++i) v.push_back(middle + s.uniform(static_cast<std::uint64_t>(i), -.5f, .5f));
  return v;
}
/// Of single precision, as the device has them.
doubles statistics_of(doubles const& x, int groups) {
  doubles s = ops::norm_statistics(x, groups);
  for (double& e : s.data) e = double{static_cast<float>(e)};
  return s;
}

/// How much a block does changes nothing: as much as rounds_for says, or three rounds.
constexpr int any_rounds[] = {0, 3};
template <class Kernel> void launch_map(typename Kernel::args a, int rounds) {
  a.rounds = rounds > 0 ? rounds : Kernel::rounds_for(a.height, a.width, a.channels);
  std::size_t const bytes = Kernel::shared_bytes(a.channels);
  must(cudaFuncSetAttribute(on_cuda::enter<Kernel>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                            static_cast<int>(bytes)),
       "cudaFuncSetAttribute");
  on_cuda::enter<Kernel><<<static_cast<unsigned>(Kernel::blocks(a)), Kernel::threads, bytes>>>(a);
  must(cudaGetLastError(), "launch");
  must(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
}
template <class T> using whole = on_cuda::joined_octets<T, 1, true>;
template <class T> using joined = on_cuda::joined_octets<T, 2, false>;
template <class T> whole<T> all_of(device_tensor<T>& t) { return {t.source(), t.source(), 0}; }

/// The sums of Terms, and that a second launch makes the same of what the first one has left.
template <class Terms> doubles sums_of(Terms const& terms, shape const& s) {
  using kernel = on_cuda::octet_sums<Terms>;
  int const parts = kernel::parts_of(s.size, s.channels);
  auto const count = static_cast<std::size_t>(Terms::sums * s.channels);
  device_array<double> const out(static_cast<std::size_t>(parts) * count);
  device_array<unsigned> const arrived(std::vector<unsigned>(static_cast<std::size_t>(kernel::chunks(s.channels))));
  std::vector<double> first;
  for (int again = 0; again < 2; ++again) {
    typename kernel::args const args{terms, s.size.height, s.size.width, s.channels, parts, out.data, arrived.data};
    launch<kernel>(args);
    auto all = out.host();
    all.resize(count);
    if (again == 0) first = all;
    CHECK(all == first);
    for (unsigned a : arrived.host()) CHECK(a == 0);
  }
  doubles sums{{1, 1, 1}, Terms::sums * s.channels};
  sums.data = first;
  return sums;
}
template <class F> double over_pixels(extent size, F&& f) {
  double sum = 0;
  ops::for_each_pixel(size, [&](ops::pixel p) { sum += f(p); });
  return sum;
}

}  // namespace

TEST_CASE_TEMPLATE("a norm, whatever the size", T, __half, __nv_bfloat16) {
  for (auto const& [size, channels, groups] : shapes) {
    doubles const x = random_16<T>(size, channels, 1, 4);
    doubles const s = statistics_of(x, groups);
    auto const scale = numbers(channels, 2, 1), shift = numbers(channels, 3, 0);
    device_tensor<T> d_x(x, 1);
    device_array<float> const d_scale(scale), d_shift(shift), d_s(floats(s));
    doubles const y = ops::norm(x, s, in_double(scale), in_double(shift));
    using kernel = on_cuda::octet_map<whole<T>, on_cuda::norm_anchor, on_cuda::store<T>>;
    for (int const rounds : any_rounds) {
      device_tensor<T> d_y(size, channels, 2);
      launch_map<kernel>({all_of(d_x),
                          {d_scale.data, d_shift.data, d_s.data, groups, channels / groups},
                          {{}, d_y.view()},
                          size.height, size.width, channels, 0}, rounds);
      // factors and their sum are rounded once each
      CHECK(mismatch(d_y.read(), y, [&](int c, ops::pixel p) {
              double const b = y(c, p) - double{scale[static_cast<std::size_t>(c)]} * x(c, p) *
                                             s(groups + c / (channels / groups), {});
              return 3 * 0x1p-24 * (std::fabs(y(c, p) - b) + std::fabs(b)) + store_tolerance<T>(y(c, p));
            }) == "");
    }
  }
}

TEST_CASE("a norm with running statistics of two tensors, one of them seen in part") {
  extent const size{1, 12, 17};
  doubles const a = random_16<__half>(size, 16, 1), b = random_16<__half>({1, 7, 9}, 9, 2);
  doubles const x = ops::join(a, ops::make_tensor<double>(size, 9, [&](int c, ops::pixel p) {
                      ops::pixel const q{0, p.y - 2, p.x - 3};
                      return ops::contains(b.size, q) ? b(c, q) : 0;
                    }));
  device_tensor<__half> d_a(a, 1), d_b(b, 1);
  auto const scale = numbers(25, 2, 1), shift = numbers(25, 3, 0);
  auto const mean = numbers(25, 4, 0), variance = numbers(25, 5, 1);
  device_array<float> const d_scale(scale), d_shift(shift), d_mean(mean), d_variance(variance);
  auto seen = d_b.source();
  seen.shift_y = -2, seen.shift_x = -3;
  using kernel = on_cuda::octet_map<joined<__half>, on_cuda::norm_running_anchor, on_cuda::store<__half>>;
  auto const s = ops::running_statistics(in_double(mean), in_double(variance));
  doubles const y = ops::norm(x, s, in_double(scale), in_double(shift));
  for (int const rounds : any_rounds) {
    device_tensor<__half> d_y(size, 25, 1);
    launch_map<kernel>({{d_a.source(), seen, 16},
                        {d_scale.data, d_shift.data, d_mean.data, d_variance.data},
                        {{}, d_y.view()},
                        size.height, size.width, 25, 0}, rounds);
    CHECK(mismatch(d_y.read(), y, [&](int c, ops::pixel p) {  // values and factors of up to 3
            return 9 * 0x1p-22 + store_tolerance<__half>(y(c, p));
          }) == "");
  }
}

TEST_CASE_TEMPLATE("the gradient of a norm, whatever its groups", T, __half, __nv_bfloat16) {
  for (auto const& [size, channels, groups] : shapes) {
    int const members = channels / groups;
    doubles const x = random_16<T>(size, channels, 1, 4), dy = random_16<T>(size, channels, 2);
    doubles const s = statistics_of(x, groups);
    doubles sums = ops::norm_grad_statistics(dy, x, s);
    for (double& e : sums.data) e = double{static_cast<float>(e)};
    auto const scale = numbers(channels, 2, 1), in_single = floats(sums);
    device_tensor<T> d_x(x, 1), d_dy(dy, 2);
    device_array<float> const d_scale(scale), d_s(floats(s)), d_sums(in_single);
    using kernel = on_cuda::octet_map<whole<T>, on_cuda::norm_grad_anchor<whole<T>>, on_cuda::store<T>>;
    doubles const dx = ops::norm_grad(dy, x, s, sums, in_double(scale));
    for (int const rounds : any_rounds) {
      device_tensor<T> d_dx(size, channels, 1);
      launch_map<kernel>({all_of(d_dy),
                          {all_of(d_x), d_scale.data, d_s.data, d_sums.data, groups, members,
                           static_cast<int>(size.volume())},
                          {{}, d_dx.view()},
                          size.height, size.width, channels, 0}, rounds);
      CHECK(mismatch(d_dx.read(), dx, [&](int c, ops::pixel p) {
              // dx = dy · a + x · b + c: three factors and three sums are rounded
              int const g = c / members;
              auto const m = ops::norm_grad_means_of(g, scale.data(), in_single.data(), channels, groups, size.volume());
              double const inverse = s(groups + g, {}), of_dx = inverse * inverse * std::fabs(m.dx);
              double const magnitude = inverse * double{scale[static_cast<std::size_t>(c)]} * std::fabs(dy(c, p)) +
                                       of_dx * (std::fabs(x(c, p)) + std::fabs(s(g, {}))) + inverse * std::fabs(m.d);
              return 4 * 0x1p-24 * magnitude + store_tolerance<T>(dx(c, p));
            }) == "");
    }
  }
}

TEST_CASE("a norm and its pooling, where the last row or column is in no window") {
  for (auto const& [size, channels] : {std::pair{extent{1, 7, 9}, 9}, {extent{1, 26, 35}, 40}, {extent{1, 2, 2}, 72}}) {
    doubles const x = random_16<__half>(size, channels, 1, 2);
    doubles const s = statistics_of(x, channels);
    auto const scale = numbers(channels, 2, 1), shift = numbers(channels, 3, 0);
    extent const half{1, size.height / 2, size.width / 2};
    int const octets = (channels + 7) / 8;
    device_tensor<__half> d_x(x, 1);
    device_array<float> const d_scale(scale), d_shift(shift), d_s(floats(s));
    doubles y = ops::norm(x, s, in_double(scale), in_double(shift));
    for (double& e : y.data) e = e > 0 ? e : 0;
    using steps = on_cuda::chain<on_cuda::apply<relu>>;
    using sink = on_cuda::store_and_pool<__half, on_cuda::pooling::max_with_place, steps>;
    using kernel = on_cuda::octet_map<whole<__half>, on_cuda::norm_anchor, sink>;
    for (int const rounds : any_rounds) {
      device_tensor<__half> d_y(size, channels, 1), d_pooled(half, channels, 1);
      device_array<std::uint16_t> const places(static_cast<std::size_t>(half.volume() * octets));
      launch_map<kernel>({all_of(d_x),
                          {d_scale.data, d_shift.data, d_s.data, channels, 1},
                          {{}, d_y.view(), d_pooled.view(), {places.data, octets, half.width}, half.height,
                           half.width},
                          size.height, size.width, channels, 0}, rounds);
      doubles const stored = d_y.read();
      CHECK(mismatch(stored, y, [&](int c, ops::pixel p) { return 0x1p-20 + store_tolerance<__half>(y(c, p)); }) == "");
      auto const pooled = ops::max_pool(stored, {1, 2, 2});
      CHECK(mismatch(d_pooled.read(), pooled.y, [](int, ops::pixel) { return 0; }) == "");
      auto const bits = places.host();
      doubles const place = ops::make_tensor<double>(half, channels, [&](int c, ops::pixel p) {
        return bits[place_word(octets, half.width, p, c)] >> c % 8 * 2 & 3;
      });
      CHECK(mismatch(place, pooled.place, [](int, ops::pixel) { return 0; }) == "");
    }
  }
}

TEST_CASE("as many channels as a block can have") {
  extent const size{1, 1, 3};
  constexpr int channels = 2048;
  doubles const x = random_16<__half>(size, channels, 1, 4);
  doubles const s = statistics_of(x, channels);
  auto const scale = numbers(channels, 2, 1), shift = numbers(channels, 3, 0);
  device_tensor<__half> d_x(x, 1), d_y(size, channels, 1);
  device_array<float> const d_scale(scale), d_shift(shift), d_s(floats(s));
  using kernel = on_cuda::octet_map<whole<__half>, on_cuda::norm_anchor, on_cuda::store<__half>>;
  static_assert(kernel::most_channels == channels);
  launch_map<kernel>({all_of(d_x), {d_scale.data, d_shift.data, d_s.data, channels, 1}, {{}, d_y.view()}, size.height,
                      size.width, channels, 0}, 0);
  doubles const y = ops::norm(x, s, in_double(scale), in_double(shift));
  CHECK(mismatch(d_y.read(), y, [&](int c, ops::pixel p) {
          double const b = y(c, p) - double{scale[static_cast<std::size_t>(c)]} * x(c, p) * s(channels + c, {});
          return 3 * 0x1p-24 * (std::fabs(y(c, p) - b) + std::fabs(b)) + store_tolerance<__half>(y(c, p));
        }) == "");
}

TEST_CASE("sums of deviations from a large first pixel, and of a gradient") {
  std::vector<shape> all(std::begin(shapes), std::end(shapes));
  all.push_back({{1, 40, 37}, 136, 136});  // three chunks, the last of one octet, in several parts
  for (auto const& s : all) {
    auto const& [size, channels, groups] = s;
    doubles x = random_16<__half>(size, channels, 1);
    for (double& e : x.data) e = double{rounded<__half>(static_cast<float>(200 + e))};
    doubles const dy = random_16<__half>(size, channels, 2);
    auto const means = numbers(2 * groups, 3, 200);
    device_tensor<__half> d_x(x, 1), d_dy(dy, 1);
    device_array<float> const d_means(means);
    auto const moments = sums_of(on_cuda::moment_octets<whole<__half>>{all_of(d_x)}, s);
    auto const bias = sums_of(on_cuda::bias_octets<whole<__half>>{all_of(d_dy)}, s);
    auto const grads = sums_of(
        on_cuda::norm_grad_octets<whole<__half>, whole<__half>>{all_of(d_dy), all_of(d_x), d_means.data,
                                                                channels / groups, channels},
        s);
    for (int c = 0; c < channels; ++c) {
      auto const far = [&](ops::pixel p) { return x(c, p) - x(c, {}); };
      auto const over = [&](auto&& f) { return over_pixels(size, f); };
      double const mean = double{means[static_cast<std::size_t>(c / (channels / groups))]};
      // differences are rounded to single precision; everything else is in double
      double const lost = 0x1p-24 * over([&](ops::pixel p) { return std::fabs(dy(c, p) * (x(c, p) - mean)); });
      INFO("channel ", c, " of ", channels);
      CHECK(moments(c, {}) == over(far));  // whole multiples of an eighth
      CHECK(moments(channels + c, {}) == over([&](ops::pixel p) { return far(p) * far(p); }));
      CHECK(std::fabs(bias(c, {}) - over([&](ops::pixel p) { return dy(c, p); })) <= 1e-11);
      CHECK(std::fabs(grads(c, {}) - over([&](ops::pixel p) { return dy(c, p) * (x(c, p) - mean); })) <= lost + 1e-9);
      CHECK(grads(channels + c, {}) == bias(c, {}));
    }
  }
}

TEST_CASE("sums over two tensors, one of them seen in part") {
  shape const s{{1, 40, 37}, 25, 25};
  doubles const a = random_16<__half>(s.size, 16, 1), b = random_16<__half>({1, 7, 9}, 9, 2);
  device_tensor<__half> d_a(a, 1), d_b(b, 1);
  auto seen = d_b.source();
  seen.shift_y = -20, seen.shift_x = -3;
  auto const sums = sums_of(on_cuda::bias_octets<joined<__half>>{{d_a.source(), seen, 16}}, s);
  for (int c = 0; c < 25; ++c) {
    doubles const& from = c < 16 ? a : b;
    double const wanted = over_pixels(from.size, [&](ops::pixel p) { return from(c % 16, p); });
    CHECK(std::fabs(sums(c, {}) - wanted) <= 1e-11);
  }
}
