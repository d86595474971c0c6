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
  CHECK(pixel_gradient(*all[0], x, 1, 2, 1, room) == doctest::Approx(std::exp(-50.)).epsilon(1e-14).scale(0));
  CHECK(x[1] == doctest::Approx(-std::exp(-50.)).epsilon(1e-14).scale(0));
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

namespace {

/// A region loss of somebody else's making: 1 − both / (predicted + truth − both + 1), a soft Jaccard.
struct jaccard {
  template <class Real> static Real value(class_overlap<Real> const& o) { return 1 - o.both / below(o); }
  template <class Real> static overlap_slope<Real> derivative(class_overlap<Real> const& o) {
    Real const d = below(o);
    return {-(d + o.both) / (d * d), o.both / (d * d)};
  }
  template <class Real> static Real below(class_overlap<Real> const& o) { return o.predicted + o.truth - o.both + 1; }
};
static_assert(region_loss<dice<>> && region_loss<tversky<>> && region_loss<jaccard> && !region_loss<focal<>>);
static_assert(any_loss<dice<>> && any_loss<focal<>> && any_loss<dice_and_cross_entropy> && !any_loss<int>);

struct scene {
  tensor<double> logits, weights;
  std::vector<std::uint8_t> labels;

  scene(extent size, int classes, std::uint32_t which) : logits{size, classes}, weights{size, 1} {
    random_stream const random{12, purpose::example_data, which};
    for (std::size_t i = 0; i < logits.data.size(); ++i) logits.data[i] = static_cast<double>(random.uniform(i, -3, 3));
    for (std::size_t i = 0; i < weights.data.size(); ++i) {
      weights.data[i] = static_cast<double>(random.uniform(1000 + i, 0, 2));
      labels.push_back(i % 5 == 3 ? ignored : static_cast<std::uint8_t>(random.below(2000 + i, static_cast<std::uint32_t>(classes))));
    }
  }
  ops::loss_and_gradient<double> run(loss_function const& f) const {
    return ops::softmax_loss(f, logits, labels, weights, ops::loss_overlap(logits, labels, weights).data);
  }
  double total(loss_function const& f) const {
    double sum = 0;
    for (double const l : run(f).loss.data) sum += l;
    return sum;
  }
  std::vector<double> at(std::size_t pixel) const {
    std::vector<double> x;
    for (int k = 0; k < logits.channels; ++k) x.push_back(logits.data[static_cast<std::size_t>(k) * weights.data.size() + pixel]);
    return softmax(x);
  }
};

}  // namespace

TEST_CASE("Dice and Tversky are those of the formulas, over the pixels that count") {
  for (extent const size : {extent{1, 1, 1}, extent{1, 3, 5}, extent{2, 3, 2}})
    for (int const classes : {2, 3}) {
      scene const s(size, classes, static_cast<std::uint32_t>(classes));
      double dice_sum = 0, tversky_sum = 0, entropy = 0, n = 0;
      for (std::size_t i = 0; i < s.labels.size(); ++i)
        if (s.labels[i] != ignored) entropy -= s.weights.data[i] * std::log(s.at(i)[s.labels[i]]), ++n;
      for (std::size_t k = 0; k < static_cast<std::size_t>(classes); ++k) {
        double both = 0, invented = 0, missed = 0;
        for (std::size_t i = 0; i < s.labels.size(); ++i) {
          if (s.labels[i] == ignored) continue;
          double const w = s.weights.data[i], p = s.at(i)[k];
          if (s.labels[i] == k) both += w * p, missed += w * (1 - p);
          else invented += w * p;
        }
        dice_sum += 1 - (2 * both + 2) / (2 * both + invented + missed + 2);
        tversky_sum += 1 - (both + 1) / (both + double{0.3f} * invented + double{0.7f} * missed + 1);
      }
      CHECK(s.total(loss_of<dice<>>::self) == doctest::Approx(dice_sum / classes).epsilon(1e-13));
      CHECK(s.total(loss_of<tversky<>>::self) == doctest::Approx(tversky_sum / classes).epsilon(1e-13));
      CHECK(s.total(loss_of<dice_and_cross_entropy>::self) ==
            doctest::Approx(0.5 * dice_sum / classes + 0.5 * entropy / n).epsilon(1e-13));
    }
}

TEST_CASE("gradients of losses of a whole tile agree with central differences") {
  using three_parts = with_region<focal<>, jaccard, 0.3f>;
  for (loss_function const* f : {&loss_of<dice<>>::self, &loss_of<tversky<>>::self, &loss_of<jaccard>::self,
                                 &loss_of<dice_and_cross_entropy>::self, &loss_of<three_parts>::self})
    for (extent const size : {extent{1, 1, 1}, extent{1, 3, 5}, extent{2, 3, 2}})
      for (int const classes : {1, 2, 4}) {
        scene s(size, classes, static_cast<std::uint32_t>(10 + classes));
        auto const gradient = s.run(*f).gradient;
        double worst = 0;
        for (std::size_t i = 0; i < s.logits.data.size(); ++i) {
          constexpr double h = 1e-5;
          double const was = s.logits.data[i];
          s.logits.data[i] = was + h;
          double const more = s.total(*f);
          s.logits.data[i] = was - h;
          double const less = s.total(*f);
          s.logits.data[i] = was;
          worst = std::max(worst, std::abs(gradient.data[i] - (more - less) / (2 * h)));
        }
        CHECK(worst < 2e-9);  // as above
      }
}

TEST_CASE("classes that are nowhere, and tiles without labels, give numbers") {
  scene s({1, 4, 4}, 3, 5);
  for (auto& l : s.labels) l = l == ignored ? l : 0;
  CHECK(std::isfinite(s.total(loss_of<dice<>>::self)));
  for (auto& l : s.labels) l = ignored;
  CHECK(s.total(loss_of<dice_and_cross_entropy>::self) == 0);
  for (double const g : s.run(loss_of<dice<>>::self).gradient.data) CHECK(g == 0);
}
