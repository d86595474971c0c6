// Losses of a pixel: values by their formulas, gradients by central differences, all in double.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <oxbow/core/random.hpp>
#include <oxbow/ops/loss.hpp>

using namespace oxbow;
using ops::tensor;

namespace {

/// A loss of somebody else's making: (1 − p)², the Brier score of the label alone.
struct squared_doubt {
  template <class Real> static Real value(class_probabilities<Real> const& p) {
    return p.not_of(p.label) * p.not_of(p.label);
  }
  template <class Real> static Real derivative(class_probabilities<Real> const& p, int k) {
    return k == p.label ? -2 * p.not_of(k) * p.of(k) : Real{0};
  }
};
struct half_a_loss {
  template <class Real> static Real value(class_probabilities<Real> const&) { return 0; }
};
static_assert(pixel_loss<cross_entropy> && pixel_loss<focal<>> && pixel_loss<smooth_cross_entropy<>>);
static_assert(pixel_loss<blend<focal<3.f>, squared_doubt, 0.25f>>);
static_assert(!pixel_loss<half_a_loss> && !pixel_loss<int>);
static_assert(loss_of<cross_entropy>::self.plain && !loss_of<focal<>>::self.plain);

std::vector<double> softmax(std::vector<double> const& x) {
  double most = x[0], sum = 0;
  for (double const v : x) most = std::max(most, v);
  std::vector<double> p;
  for (double const v : x) p.push_back(std::exp(v - most)), sum += p.back();
  for (double& v : p) v /= sum;
  return p;
}

double value(loss_function const& f, std::vector<double> x, int label) {
  std::vector<double> room(3 * x.size());
  return pixel_gradient(f, x.data(), 1, static_cast<int>(x.size()), label, room.data());
}

template <class F> void for_each_case(F&& f) {
  random_stream const random{11, purpose::example_data};
  std::uint64_t next = 0;
  for (int const classes : {1, 2, 3, 7})
    for (double const spread : {0.5, 4., 12.})
      for (int repeat = 0; repeat < 10; ++repeat) {
        std::vector<double> x;
        for (int k = 0; k < classes; ++k) x.push_back(spread * static_cast<double>(random.uniform(next++, -1, 1)));
        f(x, static_cast<int>(random.below(next++, static_cast<std::uint32_t>(classes))));
      }
}

loss_function const* const all[] = {&loss_of<cross_entropy>::self, &loss_of<smooth_cross_entropy<>>::self,
                                    &loss_of<focal<>>::self, &loss_of<focal<1.5f>>::self, &loss_of<squared_doubt>::self,
                                    &loss_of<blend<cross_entropy, squared_doubt, 0.25f>>::self};

}  // namespace

TEST_CASE("values are those of the formulas") {
  for_each_case([](std::vector<double> const& x, int l) {
    auto const p = softmax(x);
    double const own = p[static_cast<std::size_t>(l)], smoothing = double{0.1f};
    double smooth = 0;
    for (std::size_t k = 0; k < p.size(); ++k)
      smooth -= ((k == static_cast<std::size_t>(l) ? 1 - smoothing : 0) + smoothing / static_cast<double>(p.size())) * std::log(p[k]);
    // 1 − p loses what p has in common with 1: an error of 2^−52, times the derivative, about ten.
    auto const near = [](double v) { return doctest::Approx(v).epsilon(1e-12); };
    CHECK(std::abs(value(*all[0], x, l) + std::log(own)) < 1e-13);
    CHECK(value(*all[1], x, l) == near(smooth));
    CHECK(std::abs(value(*all[2], x, l) + std::pow(1 - own, 2) * std::log(own)) < 1e-13);
    CHECK(std::abs(value(*all[4], x, l) - std::pow(1 - own, 2)) < 1e-13);
    CHECK(value(*all[5], x, l) == near(-0.75 * std::log(own) + 0.25 * std::pow(1 - own, 2)));
  });
}

TEST_CASE("gradients agree with central differences") {
  for (loss_function const* f : all)
    for_each_case([&](std::vector<double> const& x, int l) {
      std::vector<double> g = x, room(3 * x.size());
      pixel_gradient(*f, g.data(), 1, static_cast<int>(x.size()), l, room.data());
      double sum = 0;
      for (std::size_t k = 0; k < x.size(); ++k) {
        constexpr double h = 1e-5;
        auto more = x, less = x;
        more[k] += h, less[k] -= h;
        double const numeric = (value(*f, more, l) - value(*f, less, l)) / (2 * h);
        // h²/6 times a third derivative below about 10, and 2^−52 · 24 / h of rounding.
        CHECK(std::abs(g[k] - numeric) < 2e-9);
        sum += g[k];
      }
      CHECK(std::abs(sum) < 1e-13);  // a softmax does not feel what all logits share
    });
}

TEST_CASE("cross-entropy by way of any loss is the fused one, also where the network is sure") {
  for_each_case([](std::vector<double> const& x, int l) {
    tensor<double> logits{{1, 1, 1}, static_cast<int>(x.size())};
    logits.data = x;
    auto const right = ops::softmax_cross_entropy(logits, {static_cast<std::uint8_t>(l)}, tensor<double>{{1, 1, 1}, 1, 1.});
    std::vector<double> g = x, room(3 * x.size());
    double const made = pixel_gradient(*all[0], g.data(), 1, static_cast<int>(x.size()), l, room.data());
    CHECK(std::abs(made - right.loss.data[0]) < 1e-13);
    for (std::size_t k = 0; k < x.size(); ++k) CHECK(std::abs(g[k] - right.gradient.data[k]) < 1e-15 * 10);
  });
  double x[2] = {0, 50}, room[6];  // p = 1 − e^−50, whose distance from 1 no double near 1 can hold
  CHECK(pixel_gradient(*all[0], x, 1, 2, 1, room) == doctest::Approx(std::exp(-50.)).epsilon(1e-14));
  CHECK(x[1] == doctest::Approx(-std::exp(-50.)).epsilon(1e-14));
}

TEST_CASE("logits of any size give numbers, and what is no number shows") {
  for (loss_function const* f : all)
    for (double const far : {1e3, 1e30}) {
      double x[3] = {far, 0, -far}, room[9];
      CHECK(std::isfinite(pixel_gradient(*f, x, 1, 3, 2, room)));
      for (double const g : x) CHECK(std::isfinite(g));
      double bad[3] = {0, std::nan(""), 1};
      CHECK_FALSE(std::isfinite(pixel_gradient(*f, bad, 1, 3, 0, room)));
    }
}

TEST_CASE("a whole image: weights, ignored pixels, the number of pixels; and labels that are no class") {
  tensor<double> logits{{1, 1, 4}, 2}, weights{{1, 1, 4}, 1};
  logits.data = {1, 2, 3, 4, 0.5, -1, 2, 0};
  weights.data = {1, 2, 9, 0.5};
  std::vector<std::uint8_t> const labels{0, 1, ignored, 1};
  auto const r = ops::softmax_loss(loss_of<focal<>>::self, logits, labels, weights);
  CHECK(r.loss.data[2] == 0);
  CHECK(r.gradient(0, {0, 0, 2}) == 0);
  CHECK(r.loss.data[1] == doctest::Approx(2 * value(*all[2], {logits.data[1], logits.data[5]}, 1) / 3).epsilon(1e-14));
  CHECK_THROWS(ops::softmax_loss(loss_of<focal<>>::self, logits, {0, 1, 2, 0}, weights));
}
