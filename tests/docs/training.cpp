// The examples of docs/training.md, and those of docs/extending.md that have to do with training: weights, an optimizer,
// a schedule, an augmentation and a callback of one's own.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>

#include <oxbow/augment/gather.hpp>
#include <oxbow/augment/grey.hpp>
#include <oxbow/augment/rigid.hpp>
#include <oxbow/train/loop.hpp>

#include "../train/fake_net.hpp"

using namespace oxbow;

namespace lab {

// [weights]
/// Pixels beside another class count five times as much as others.
image<float> borders_count_more(label_image const& labels) {
  image<float> weights(labels.size, 1, 1.f);
  for (int y = 0; y < labels.size.height; ++y)
    for (int x = 1; x < labels.size.width; ++x)
      if (labels(y, x) != labels(y, x - 1)) weights(y, x) = weights(y, x - 1) = 5;
  return weights;
}
// [/weights]

// [optimizer]
/// The sign of a smoothed gradient, and decay beside it.
/// source  Chen et al.: Symbolic discovery of optimization algorithms. 2023
struct lion {
  float rate = 1e-4f, beta1 = 0.9f, beta2 = 0.99f, weight_decay = 0;

  static constexpr char const* name = "lion";
  static constexpr int buffers = 1;  // floats that it keeps for each parameter

  struct rule {
    float rate, beta1, beta2, decay;
    void operator()(float& p, float g, std::array<float*, 1> state) const {
      float& m = *state[0];
      float const direction = beta1 * m + (1 - beta1) * g;
      p -= rate * (static_cast<float>((direction > 0) - (direction < 0)) + decay * p);
      m = beta2 * m + (1 - beta2) * g;
    }
  };
  rule at(std::int64_t, double factor) const {
    return {static_cast<float>(rate * factor), beta1, beta2, weight_decay};
  }
};
static_assert(optimizer<lion>);
// [/optimizer]

// [schedule]
/// A triangle: up to the full rate in the middle of the run, and down again.
inline double triangle(std::int64_t step, std::int64_t steps) {
  double const t = static_cast<double>(step + 1) / static_cast<double>(steps + 1);
  return 1 - std::abs(2 * t - 1);
}
// [/schedule]

// [augmentation]
/// Moves each row sideways, in proportion to how far it lies from the middle.
struct drawn_shear {
  float slope;
  position centre;
  OXBOW_DEVICE position pull(position at) const { return {at.z, at.y, at.x + slope * (at.y - centre.y)}; }
};
struct shear {
  float most = 0.2f;
  drawn_shear draw(map_random const& random, extent tile) const {
    return {random.uniform(0, -most, most), middle(tile)};
  }
};
static_assert(augmentation_map<shear>);
// [/augmentation]

// [callback]
/// Ends training when the average loss has not become better for so many steps.
struct stop_when_flat {
  std::int64_t patience = 500;
  double best = std::numeric_limits<double>::infinity();
  std::int64_t since = 0;

  after_step operator()(step_report const& r) {
    if (r.average_loss < best) best = r.average_loss, since = r.step;
    return r.step - since >= patience ? after_step::stop : after_step::go_on;
  }
};
// [/callback]

}  // namespace lab

TEST_CASE("borders weigh five times, everywhere else once") {
  label_image labels({1, 2, 4});
  labels(0, 2) = labels(0, 3) = 1;
  CHECK(lab::borders_count_more(labels).data == std::vector<float>{1, 5, 5, 1, 1, 1, 1, 1});
}

TEST_CASE("lion moves every parameter by the rate, against its smoothed gradient") {
  float p = 1, m = 0;
  auto const step = [&](float g) { lab::lion{.rate = 0.25f}.at(0, 1)(p, g, {&m}); };
  step(8);
  CHECK(p == 0.75f);
  step(-0.01f);  // 0.9 · 0.08 − 0.1 · 0.01 is above zero still
  CHECK(p == 0.5f);
  step(0);
  CHECK(p == 0.25f);
}

TEST_CASE("the triangle begins and ends alike and is full in the middle") {
  CHECK(lab::triangle(0, 9) == doctest::Approx(0.2).epsilon(1e-15));
  CHECK(lab::triangle(4, 9) == 1);
  CHECK(lab::triangle(8, 9) == doctest::Approx(0.2).epsilon(1e-14));
}

TEST_CASE("shear keeps the middle row and moves the others in proportion") {
  lab::drawn_shear const drawn = draw(lab::shear{}, {1, 2, 3}, {1, 9, 9}).first;
  CHECK(drawn.pull({0, 4, 7}).x == 7);
  CHECK(drawn.pull({0, 6, 7}).x == 7 + 2 * drawn.slope);
  CHECK(std::abs(drawn.slope) <= 0.2f);
}

TEST_CASE("all of them train a network together, until the loss is flat") {
  image<float> picture({1, 24, 60});  // three grey bands
  label_image labels({1, 24, 60});
  for (std::size_t i = 0; i < labels.data.size(); ++i) {
    labels.data[i] = static_cast<std::uint8_t>(i % 60 / 20);
    picture.data[i] = 0.5f * labels.data[i];
  }
  fake::net net;
  // [train]
  samples const data{picture, labels, lab::borders_count_more};
  auto const done = train(net, data, lab::lion{.rate = 1e-2f},
                          {.schedule = lab::triangle,
                           .augment = lab::shear{.most = 0.1f} | mirror{} | grey{},
                           .steps = 400,
                           .class_weights = {1, 1, 2},
                           .callbacks = {lab::stop_when_flat{.patience = 50}}});
  // [/train]
  CHECK(done.average_loss < 0.7 * static_cast<double>(done.losses.front()));
  CHECK(done.losses.size() == static_cast<std::size_t>(done.steps));
  CHECK(done.stopped == (done.steps < 400));
}
