// The optimizer's one launch does what the host's loop does, the length of the gradient is its length, and a step that
// is to be skipped changes nothing.
#include <oxbow/cuda/kernel/update.cuh>
#include <oxbow/train/update.hpp>

#include <limits>

#include "device_array.cuh"
using namespace oxbow;
using namespace oxbow::testing;

namespace {
constexpr std::size_t count = 16'411;  // no multiple of anything

/// All elements as one tensor of which there are no copies.
struct all_of {
  on_cuda::parameter_job job{.first = count};
  device_array<on_cuda::parameter_job> jobs{std::vector{job}};
  on_cuda::parameter_table table() const { return {jobs.data(), nullptr, 1, nullptr, nullptr}; }
};

template <class Optimizer> void agrees(Optimizer const& o) {
  constexpr int buffers = Optimizer::buffers;
  std::vector<float> p = numbers(count, 1, -1, 1), g = numbers(count, 2, -1, 1);
  std::vector<std::vector<float>> state(buffers, std::vector<float>(count, 0.f));
  device_array<float> const dp{p}, dg{g};
  std::vector<device_array<float>> ds;
  std::array<float*, buffers> pointers{};
  for (std::size_t k = 0; k < buffers; ++k) ds.emplace_back(state[k]), pointers[k] = ds[k].data();
  device_array<on_cuda::scale_state> const scale{std::vector{on_cuda::scale_state{}}};
  all_of const whole;
  for (std::int64_t step = 0; step < 3; ++step) {
    auto const rule = o.at(step, .5);
    update_parameters<buffers>(rule, .25f, std::span{p}, std::span<float const>{g}, state);
    using kernel = on_cuda::update_parameters<float, std::remove_const_t<decltype(rule)>, buffers>;
    on_cuda::launch<kernel>({whole.table(), {rule, .25f, dp.data(), dg.data(), pointers}, scale.data()},
                            whole.job.blocks(), nullptr, "a test");
  }
  auto const got = dp.host();
  // The same functor; but the device contracts a·b + c, which saves a rounding of 2^−24 of one of up to eight terms,
  // none above 2, in each of three steps.
  double worst = 0;
  for (std::size_t i = 0; i < count; ++i) worst = std::max(worst, std::abs(double{got[i]} - double{p[i]}));
  CHECK(worst <= 3 * 8 * 2 * 0x1p-24);
}
}  // namespace

TEST_CASE("sgd") { agrees(sgd{.rate = .1f, .momentum = .9f, .weight_decay = .01f}); }
TEST_CASE("sgd with Nesterov's momentum") { agrees(sgd{.rate = .1f, .momentum = .9f, .nesterov = true}); }
TEST_CASE("adam") { agrees(adam{.rate = .01f, .weight_decay = .1f}); }
TEST_CASE("adamw") { agrees(adamw{.rate = .01f}); }

TEST_CASE("the length of a gradient, and what it says about the scale of the loss") {
  std::vector<float> g = numbers(count, 2, -1, 1);
  // what blocks leave: here every element is a part
  auto const norm_of = [&](std::vector<float> const& x, device_array<on_cuda::scale_state> const& scale) {
    std::vector<double> squares;
    for (float const e : x) squares.push_back(double{e} * double{e});
    device_array<double> const d{squares}, out{1};
    on_cuda::launch<on_cuda::gradient_norm>({d.data(), int{count}, out.data(), scale.data()}, 1, nullptr, "a test");
    return out.host()[0];
  };
  on_cuda::scale_state adaptive;
  adaptive.scale = 64, adaptive.adapts = 1, adaptive.good = on_cuda::gradient_norm::patience - 1;
  device_array<on_cuda::scale_state> const fixed{std::vector{on_cuda::scale_state{}}}, adapts{std::vector{adaptive}};
  double const wanted = euclidean_norm(std::span<float const>{g});
  CHECK(norm_of(g, fixed) == doctest::Approx(wanted).epsilon(1e-13));
  CHECK(norm_of(g, adapts) == doctest::Approx(wanted).epsilon(1e-13));
  CHECK(adapts.host()[0].scale == 128);
  CHECK(adapts.host()[0].skip == 0);
  g[count - 1] = std::numeric_limits<float>::infinity();
  CHECK(std::isinf(norm_of(g, adapts)));
  CHECK(adapts.host()[0].scale == 64);
  CHECK(adapts.host()[0].skip == 1);
  CHECK(std::isinf(norm_of(g, fixed)));
  CHECK(fixed.host()[0].scale == 1);
  CHECK(fixed.host()[0].skip == 0);

  std::vector<float> const p = numbers(count, 1, -1, 1);
  device_array<float> const dp{p}, dg{p}, dv{std::vector<float>(count, 0.f)};
  all_of const whole;
  using kernel = on_cuda::update_parameters<float, sgd::rule, 1>;
  on_cuda::launch<kernel>({whole.table(), {sgd{}.at(0, 1), 1, dp.data(), dg.data(), {dv.data()}}, adapts.data()},
                          whole.job.blocks(), nullptr, "a test");
  CHECK(dp.host() == p);
}
