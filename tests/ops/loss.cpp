// Softmax and weighted cross-entropy: known values, ignored pixels, large logits, gradient.
#include <doctest/doctest.h>

#include "testing.hpp"

#include <oxbow/ops/loss.hpp>
using namespace oxbow;
using namespace oxbow::testing;
using ops::pixel;
using ops::tensor;

namespace {

double total(tensor<double> const& logits, std::vector<std::uint8_t> const& labels, tensor<double> const& weights) {
  double sum = 0;
  for (double const l : ops::softmax_cross_entropy(logits, labels, weights).loss.data) sum += l;
  return sum;
}

}  // namespace

TEST_CASE("equal logits cost the logarithm of the number of classes") {
  extent const size{1, 2, 3};
  auto const [gradient, loss] =
      ops::softmax_cross_entropy(tensor<double>{size, 4, 7.}, {0, 1, 2, 3, 0, 1}, tensor<double>{size, 1, 1.});
  for (double const l : loss.data) CHECK(l == doctest::Approx(std::log(4.) / 6).epsilon(1e-14));
  CHECK(gradient(0, {0, 0, 0}) == doctest::Approx((0.25 - 1) / 6).epsilon(1e-14));
  CHECK(gradient(1, {0, 0, 0}) == doctest::Approx(0.25 / 6).epsilon(1e-14));
}

TEST_CASE("two classes with known odds cost what the odds say") {
  tensor<double> logits{{1, 1, 1}, 2};
  logits.data = {std::log(3.), 0};  // 3 : 1
  auto const [gradient, loss] = ops::softmax_cross_entropy(logits, {1}, tensor<double>{{1, 1, 1}, 1, 2.});
  CHECK(loss.data[0] == doctest::Approx(2 * std::log(4.)).epsilon(1e-14));
  CHECK(gradient.data[0] == doctest::Approx(2 * 0.75).epsilon(1e-14));
  CHECK(gradient.data[1] == doctest::Approx(-2 * 0.75).epsilon(1e-14));
}

TEST_CASE("an ignored pixel has no say, and the others share the mean") {
  auto const logits = random_tensor({1, 1, 3}, 2, 1);
  tensor<double> const weights{{1, 1, 3}, 1, 1.};
  auto const [gradient, loss] = ops::softmax_cross_entropy(logits, {0, ignored, 1}, weights);
  CHECK(loss.data[1] == 0);
  CHECK(gradient(0, {0, 0, 1}) == 0);
  CHECK(gradient(1, {0, 0, 1}) == 0);
  auto const all = ops::softmax_cross_entropy(logits, {0, 0, 1}, weights);
  CHECK(loss.data[0] == doctest::Approx(all.loss.data[0] * 3 / 2).epsilon(1e-14));
  CHECK(gradient(1, {0, 0, 2}) == doctest::Approx(all.gradient(1, {0, 0, 2}) * 3 / 2).epsilon(1e-14));
}

TEST_CASE("a tile where every pixel is ignored costs nothing and teaches nothing") {
  auto const r = ops::softmax_cross_entropy(random_tensor({1, 2, 1}, 3, 1), {ignored, ignored},
                                            tensor<double>{{1, 2, 1}, 1, 1.});
  for (double const v : r.gradient.data) CHECK(v == 0);
  for (double const v : r.loss.data) CHECK(v == 0);
}

TEST_CASE("large logits do not overflow") {
  for (float const large : {1e3f, 3e38f}) {
    tensor<float> logits{{1, 1, 2}, 2};
    logits.data = {large, -large, -large, large};
    auto const right = ops::softmax_cross_entropy(logits, {0, 1}, tensor<float>{{1, 1, 2}, 1, 1.f});
    for (float const l : right.loss.data) CHECK(l == 0);
    for (float const g : right.gradient.data) CHECK(g == 0);
  }
  tensor<double> logits{{1, 1, 1}, 2};
  logits.data = {1000, -1000};
  auto const wrong = ops::softmax_cross_entropy(logits, {1}, tensor<double>{{1, 1, 1}, 1, 1.});
  CHECK(wrong.loss.data[0] == 2000);
  CHECK(wrong.gradient.data == std::vector<double>{1, -1});
}

TEST_CASE("the gradient of the loss agrees with central differences") {
  for (extent const size : {extent{1, 3, 4}, extent{2, 2, 3}, extent{1, 1, 1}})
    for (int const classes : {1, 2, 5}) {
      CAPTURE(size_text(size));
      CAPTURE(classes);
      auto logits = random_tensor(size, classes, 1);
      for (double& v : logits.data) v *= 5;
      auto weights = random_tensor(size, 1, 2);
      for (double& v : weights.data) v = 1 + v;
      std::vector<std::uint8_t> labels;
      for (int i = 0; i < size.volume(); ++i)
        labels.push_back(i % 4 == 3 ? ignored : static_cast<std::uint8_t>(i * 7 % classes));
      auto const gradient = ops::softmax_cross_entropy(logits, labels, weights).gradient;
      for (std::size_t i = 0; i < logits.data.size(); ++i)
        // step² · third derivative (below 2) / 6, and 2^−53 · 20 / step, with step 1e-5
        CHECK(std::abs(slope([&] { return total(logits, labels, weights); }, logits.data[i], 1e-5) - gradient.data[i]) <
              1e-9);
    }
}

TEST_CASE("a label that is no class is an error that names the pixel") {
  tensor<double> const logits{{1, 2, 3}, 2}, weights{{1, 2, 3}, 1, 1.};
  CHECK_THROWS_WITH_AS(ops::softmax_cross_entropy(logits, {0, 1, 0, 1, 0, 2}, weights),
                       "loss: the label at (z 0, y 1, x 2) is 2, but the network has 2 classes: map the labels to "
                       "0 … 1 or 255 (ignored).",
                       std::runtime_error);
}
