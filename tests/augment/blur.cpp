// Blur against sums over all pixels in double.
#include <doctest/doctest.h>

#include <oxbow/augment/blur.hpp>
#include <oxbow/augment/elastic.hpp>
#include <oxbow/augment/grey.hpp>

#include "common.hpp"

using namespace oxbow;
using namespace oxbow::test;

namespace {

/// The source blurred by a kernel, over its mirror image, in double.
std::vector<double> blurred(image<float> const& from, smoothing_kernel const& k) {
  std::vector<double> made;
  for (int z = 0; z < from.size.depth; ++z)
    for (int y = 0; y < from.size.height; ++y)
      for (int x = 0; x < from.size.width; ++x)
        for (int c = 0; c < from.channels; ++c) {
          double sum = 0;
          for (int j = -k.radius; j <= k.radius; ++j)
            for (int i = -k.radius; i <= k.radius; ++i)
              sum += static_cast<double>(k.weight[std::abs(j)]) * static_cast<double>(k.weight[std::abs(i)]) *
                     static_cast<double>(from(z, mirrored(y + j, from.size.height), mirrored(x + i, from.size.width), c));
          made.push_back(sum);
        }
  return made;
}

image<float> plain_image(extent size, int channels) {
  image<float> made(size, channels);
  random_stream const random{5, purpose::example_data};
  for (std::size_t i = 0; i < made.data.size(); ++i) made.data[i] = random.uniform(i, -1, 1);
  return made;
}

}  // namespace

TEST_CASE("blur is a sum over the neighbourhood, for odd sizes, channels and volumes") {
  for (extent const size : {extent{1, 1, 1}, extent{1, 7, 1}, extent{1, 19, 23}, extent{3, 5, 7}})
    for (int const channels : {1, 3})
      for (std::uint32_t step = 0; step < 6; ++step) {
        sample const whole{plain_image(size, channels), {}, {}};
        auto const drawn = draw(blur{.deviation = 1.5f, .probability = 1}, {1, step, 0}, size);
        auto const made = gather(whole, drawn, {0, 0, 0}, size, size);
        auto const right = blurred(whole.input, drawn.smoothing());
        double worst = 0;
        for (std::size_t i = 0; i < right.size(); ++i)
          worst = std::max(worst, std::abs(static_cast<double>(made.input.data[i]) - right[i]));
        CHECK(worst <= 49 * 0x1p-24);  // 7 × 7 products below 1, with weights of sum 1
      }
}

TEST_CASE("between pixels blur is the linear interpolation of the blurred image") {
  sample const whole{plain_image({1, 21, 17}, 1), {}, {}};
  auto const drawn = draw(blur{.deviation = 1.5f, .probability = 1} | move_by{.y = 0.25f, .x = -0.625f}, {1, 3, 0}, {1, 21, 17});
  auto const made = gather(whole, drawn, {0, 0, 0}, {1, 21, 17}, {1, 21, 17});
  auto const smooth = blurred(whole.input, drawn.smoothing());
  REQUIRE(drawn.smoothing().radius > 0);
  double worst = 0;
  for (int y = 0; y < 21; ++y)
    for (int x = 0; x < 17; ++x) {
      // Where it came from: y − 1/4 and x + 5/8.
      auto const value = [&](int v, int u) { return smooth[static_cast<std::size_t>(mirrored(v, 21) * 17 + mirrored(u, 17))]; };
      double const right = 0.75 * (0.375 * value(y, x) + 0.625 * value(y, x + 1)) +
                           0.25 * (0.375 * value(y - 1, x) + 0.625 * value(y - 1, x + 1));
      // The blurred image goes on beyond its border as its mirror image, too.
      worst = std::max(worst, std::abs(static_cast<double>(made.input(y, x)) - right));
    }
  CHECK(worst <= 64 * 0x1p-24);
}

TEST_CASE("kernels are Gaussians of the drawn deviation, and sum up to one") {
  int none = 0;
  for (std::uint32_t step = 0; step < 400; ++step) {
    auto const k = draw(blur{.deviation = 1.5f, .probability = 0.5f}, {4, step, 0}, {1, 8, 8}).smoothing();
    none += k.radius == 0;
    if (k.radius == 0) continue;
    double sum = static_cast<double>(k.weight[0]);
    for (int i = 1; i <= k.radius; ++i) sum += 2 * static_cast<double>(k.weight[i]);
    CHECK(std::abs(sum - 1) < 4 * 0x1p-23);
    double const sigma = std::sqrt(-0.5 / std::log(static_cast<double>(k.weight[1]) / static_cast<double>(k.weight[0])));
    CHECK(sigma < 1.5 + 1e-5);
    if (k.radius == 3)
      CHECK(static_cast<double>(k.weight[3]) ==
            doctest::Approx(static_cast<double>(k.weight[0]) * std::exp(-4.5 / (sigma * sigma))).epsilon(1e-4).scale(0));
  }
  // Half of them, and those of deviations too small to matter: below .27, where a neighbour weighs a thousandth.
  CHECK(none > 200 - 5 * 10);
  CHECK(none < 200 + 5 * 10 + 36 + 5 * 6);
}

TEST_CASE("without blur, values pass bit by bit; labels and weights are never blurred") {
  sample const whole = arbitrary_sample({1, 13, 17}, 2);
  auto const still = draw(blur{.probability = 0}, {1, 0, 0}, {1, 13, 17});
  CHECK(same_bits(gather(whole, still, {0, 0, 0}, {1, 13, 17}, {1, 13, 17}).input, whole.input));
  auto const drawn = draw(blur{.probability = 1}, {1, 2, 0}, {1, 13, 17});
  auto const made = gather(whole, drawn, {0, 0, 0}, {1, 13, 17}, {1, 13, 17});
  CHECK(same_bits(made.labels, whole.labels));
  CHECK(same_bits(made.weights, whole.weights));
}

TEST_CASE("blur leaves the draws of maps before it as they are, wherever it stands") {
  auto const without = draw(elastic{}, {1, 7, 0}, {1, 64, 64});
  auto const with = draw(elastic{} | blur{}, {1, 7, 0}, {1, 64, 64});
  CHECK(without.coordinate(3, 4).y == with.coordinate(3, 4).y);
  CHECK_THROWS_WITH(draw(blur{.deviation = 2}, {1, 0, 0}, {1, 8, 8}), "blur: deviation must lie in 0 … 1.5, but it is 2.000000.");
}
