// Averages over turned and mirrored images, against turning by hand.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include <oxbow/core/random.hpp>
#include <oxbow/predict/average.hpp>

using namespace oxbow;

namespace {

struct facts {
  static constexpr int input_channels = 2, classes = 2, alignment = 1;
  static constexpr bool keeps_scale = true;
  static constexpr extent tile{1, 10, 8}, output{1, 8, 6}, halo{0, 1, 1}, padding_reach{0, 0, 0};
};

/// A convolution of 3 × 3 that looks different from every side.
struct lopsided {
  using model_type = facts;
  void infer(image_view<float const> in, image_view<float> out) const {
    for (int y = 0; y < 8; ++y)
      for (int x = 0; x < 6; ++x)
        for (int c = 0; c < 2; ++c) {
          float sum = 0;
          for (int t = 0; t < 18; ++t)
            sum += (0.1f * static_cast<float>(t * (c + 2) % 7) - 0.3f) * in(y + t / 6, x + t / 2 % 3, t % 2);
          out(y, x, c) = sum;
        }
  }
};

image<float> picture(extent size) {
  image<float> made(size, 2);
  random_stream const random{1, purpose::example_data};
  for (std::size_t i = 0; i < made.data.size(); ++i) made.data[i] = random.uniform(i, -1, 1);
  return made;
}

/// A quarter turn and a mirror, by indices: the turned image's pixel (y, x) is the image's (x, height of the turned − 1 − y)…
image<float> quarter(image<float> const& from) {
  image<float> to({from.size.depth, from.size.width, from.size.height}, from.channels);
  for (int z = 0; z < from.size.depth; ++z)
    for (int y = 0; y < from.size.height; ++y)
      for (int x = 0; x < from.size.width; ++x)
        for (int c = 0; c < from.channels; ++c) to(z, from.size.width - 1 - x, y, c) = from(z, y, x, c);
  return to;
}
image<float> flipped(image<float> const& from) {
  image<float> to(from.size, from.channels);
  for (int z = 0; z < from.size.depth; ++z)
    for (int y = 0; y < from.size.height; ++y)
      for (int x = 0; x < from.size.width; ++x)
        for (int c = 0; c < from.channels; ++c) to(z, y, from.size.width - 1 - x, c) = from(z, y, x, c);
  return to;
}

double difference(image<float> const& a, image<float> const& b) {
  double worst = a.size == b.size ? 0 : 1;
  for (std::size_t i = 0; i < a.data.size() && worst < 1; ++i)
    worst = std::max(worst, std::abs(static_cast<double>(a.data[i]) - static_cast<double>(b.data[i])));
  return worst;
}

// Eight probabilities below 1, summed in double and rounded once.
constexpr double rounding = 0x1p-23;

}  // namespace

TEST_CASE("one view that is not turned is the prediction, bit for bit") {
  lopsided net;
  for (extent const size : {extent{1, 1, 1}, extent{1, 19, 23}, extent{3, 9, 5}}) {
    image<float> const x = picture(size);
    for (auto const& by : {as_is, per_image}) {
      auto const one = predict_average(net, x, {{}}, {.normalise = by}), plain = predict(net, x, {.normalise = by});
      CHECK(std::memcmp(one.data.data(), plain.data.data(), plain.data.size() * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("the square's symmetries are turned, predicted, turned back and averaged") {
  lopsided net;
  for (extent const size : {extent{1, 1, 1}, extent{1, 19, 23}, extent{1, 16, 16}, extent{2, 7, 12}}) {
    image<float> const x = picture(size);
    image<float> sum(size, 2);
    for (int k = 0; k < 4; ++k)
      for (bool const mirror : {false, true}) {
        image<float> seen = mirror ? flipped(x) : x;
        for (int i = 0; i < k; ++i) seen = quarter(seen);
        seen = predict(net, seen);
        for (int i = 0; i < (4 - k) % 4; ++i) seen = quarter(seen);
        if (mirror) seen = flipped(seen);
        for (std::size_t i = 0; i < sum.data.size(); ++i) sum.data[i] += seen.data[i] / 8;
      }
    CHECK(difference(predict_average(net, x, square_symmetries()), sum) <= 8 * rounding);
  }
}

TEST_CASE("the average of a turned image is the turned average") {
  lopsided net;
  image<float> const x = picture({1, 14, 21});
  auto const views = square_symmetries();
  CHECK(views.size() == 8);
  CHECK(difference(predict_average(net, quarter(x), views), quarter(predict_average(net, x, views))) <= rounding);
  CHECK(difference(predict_average(net, flipped(x), views), flipped(predict_average(net, x, views))) <= rounding);
}

TEST_CASE("views by any angle hold the whole image, and turn there and back to where they began") {
  for (extent const size : {extent{1, 1, 1}, extent{1, 30, 41}, extent{1, 50, 7}})
    for (auto const v : seven_rotations())
      for (bool const mirrored : {false, true}) {
        detail::turned const view({v.degrees, mirrored}, size);
        double worst = 0;
        bool inside = true;
        for (int y = 0; y < size.height; ++y)
          for (int x = 0; x < size.width; ++x) {
            auto const p = view.on_canvas(y, x);
            auto const back = view.in_image(p.y, p.x);
            worst = std::max({worst, std::abs(back.y - y), std::abs(back.x - x)});
            // Half a pixel of a corner may stick out, as the canvas holds areas and not centres.
            inside = inside && p.y > -0.5 && p.x > -0.5 && p.y < view.canvas().height - 0.5 && p.x < view.canvas().width - 0.5;
          }
        CHECK(worst < 1e-12 * 100);
        CHECK(inside);
      }
}

TEST_CASE("seven rotations of a flat image, and of a smooth one, are what one prediction is") {
  struct blind : lopsided {
    void infer(image_view<float const> in, image_view<float> out) const {
      for (int y = 0; y < 8; ++y)
        for (int x = 0; x < 6; ++x) out(y, x, 0) = in(y + 1, x + 1, 0), out(y, x, 1) = in(y + 1, x + 1, 1);
    }
  } net;
  image<float> const flat({1, 17, 13}, 2, 0.25f);
  CHECK(difference(predict_average(net, flat, seven_rotations()), predict(net, flat)) <= rounding);
  image<float> wave({1, 60, 70}, 2);
  for (int y = 0; y < 60; ++y)
    for (int x = 0; x < 70; ++x) wave(y, x, 0) = static_cast<float>(std::sin(0.1 * y) * std::cos(0.08 * x));
  auto const averaged = predict_average(net, wave, seven_rotations()), once = predict(net, wave);
  // Bilinear twice, of a function whose second derivatives are below .01: each errs by up to 2 · .01 / 8 per axis, the
  // softmax passes on a quarter. Near the border the mirrored image has a crease, so there up to a slope of .1.
  double inner = 0, outer = 0;
  for (int y = 0; y < 60; ++y)
    for (int x = 0; x < 70; ++x) {
      double const d = std::abs(static_cast<double>(averaged(y, x, 0)) - static_cast<double>(once(y, x, 0)));
      bool const in = y > 1 && y < 58 && x > 1 && x < 68;
      (in ? inner : outer) = std::max(in ? inner : outer, d);
    }
  CHECK(inner < 2 * (0.01 + 0.0064) / 8 / 4 * 2);
  CHECK(outer < 0.1);
}

TEST_CASE("no view is an error, and progress counts views") {
  lopsided net;
  CHECK_THROWS_WITH_AS(predict_average(net, picture({1, 3, 3}), {}),
                       "predict_average: there is no view to average over; use square_symmetries(), seven_rotations(), "
                       "or predict.",
                       std::invalid_argument);
  std::int64_t last = 0;
  predict_average(net, picture({1, 30, 30}), square_symmetries(),
                  {.progress = [&](std::int64_t done, std::int64_t all) { CHECK(all == 8), last = done; }});
  CHECK(last == 8);
}

TEST_CASE("an angle that is no number is an error") {
  lopsided net;
  for (double const angle : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_AS(predict_average(net, picture({1, 30, 30}), {{.degrees = angle}}), std::invalid_argument);
}
