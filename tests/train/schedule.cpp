// Rates over the steps, and the parameters that training begins with.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <oxbow/lower/initial.hpp>
#include <oxbow/train/schedule.hpp>

#include "fake_net.hpp"

using namespace oxbow;

TEST_CASE("a constant rate is constant") {
  CHECK(constant{}(0, 100) == 1);
  CHECK(constant{}(99, 100) == 1);
}

TEST_CASE("step_decay multiplies after every so many steps") {
  step_decay const s{.every = 10, .factor = 0.5};
  CHECK(s(9, 100) == 1);
  CHECK(s(10, 100) == 0.5);
  CHECK(s(35, 100) == 0.125);
}

TEST_CASE("poly falls from one to nearly nothing") {
  poly const s{.power = 2};
  CHECK(s(0, 100) == 1);
  CHECK(s(50, 100) == 0.25);
  CHECK(s(99, 100) == doctest::Approx(1e-4).scale(0));
  CHECK(s(100, 100) == 0);
  CHECK(poly{}(30, 100) == doctest::Approx(std::pow(0.7, 0.9)));
}

TEST_CASE("cosine ends at its floor and is half way in the middle") {
  cosine const s{.floor = 0.2};
  CHECK(s(0, 60) == 1);
  CHECK(s(30, 60) == doctest::Approx(0.6));
  CHECK(s(20, 60) == doctest::Approx(0.2 + 0.8 * 0.75));
  CHECK(s(60, 60) == doctest::Approx(0.2));
}

TEST_CASE("a warm-up grows linearly to the full rate, and the rest of the run is stretched over what remains") {
  CHECK(constant{.warm_up = 4}(0, 100) == 0.25);
  CHECK(constant{.warm_up = 4}(3, 100) == 1);
  CHECK(step_decay{.every = 10, .factor = 0.5, .warm_up = 20}(14, 100) == 0.5 * 0.75);
  CHECK(cosine{.warm_up = 20}(10, 120) == doctest::Approx(11. / 20));
  CHECK(cosine{.warm_up = 20}(70, 120) == doctest::Approx(0.5));
  CHECK(poly{.power = 1, .warm_up = 20}(70, 120) == doctest::Approx(0.5));
  CHECK(poly{.warm_up = 20}(5, 10) == doctest::Approx(6. / 20));  // a run shorter than its warm-up
}

TEST_CASE("weights begin normal with deviation sqrt(2/N), biases at zero, scales at one") {
  std::int64_t const count = 64 * 64 * 9, fan_in = 64 * 9;
  std::vector<initial_tensor> const tensors{
      {.offset = 3, .count = count, .fan_in = fan_in},
      {.offset = 3 + count, .count = 64},
      {.offset = 67 + count, .count = 5, .fill = 1},
      {.offset = 72 + count, .count = count, .fan_in = fan_in},
  };
  std::vector<float> p(static_cast<std::size_t>(72 + 2 * count + 1), -77.f);
  he_initialise(p, tensors, 5);
  CHECK(p[2] == -77.f);  // what belongs to no tensor stays
  CHECK(p.back() == -77.f);
  for (std::size_t i = 0; i < 64; ++i) CHECK(p[static_cast<std::size_t>(3 + count) + i] == 0.f);
  for (std::size_t i = 0; i < 5; ++i) CHECK(p[static_cast<std::size_t>(67 + count) + i] == 1.f);

  double sum = 0, squares = 0, beyond = 0, product = 0;
  double const deviation = std::sqrt(2. / static_cast<double>(fan_in)), n = static_cast<double>(count);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    double const w = static_cast<double>(p[3 + i]) / deviation;
    sum += w;
    squares += w * w;
    beyond += std::abs(w) > 2;
    product += w * static_cast<double>(p[static_cast<std::size_t>(72 + count) + i]) / deviation;
  }
  // Five deviations of each estimate: the mean has 1/√n, the mean square √(2/n), the share beyond
  // 2σ (.0455) √(.0455 · .9545 / n), the mean product of independent tensors 1/√n.
  CHECK(std::abs(sum / n) < 5 / std::sqrt(n));
  CHECK(std::abs(squares / n - 1) < 5 * std::sqrt(2 / n));
  CHECK(std::abs(beyond / n - 0.0455) < 5 * std::sqrt(0.0455 * 0.9545 / n));
  CHECK(std::abs(product / n) < 5 / std::sqrt(n));

  std::vector<float> q(p.size(), -77.f), other(p.size(), -77.f);
  he_initialise(q, tensors, 5, fake::shuffled_for{4});
  CHECK(q == p);
  he_initialise(other, tensors, 6);
  CHECK(other != p);
}
