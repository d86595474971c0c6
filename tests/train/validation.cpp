// Scores during training, tiles by class, and data with little in it.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include <oxbow/train/loop.hpp>

#include "fake_net.hpp"

using namespace oxbow;

namespace {

struct memory {
  std::shared_ptr<std::vector<training_state>> all = std::make_shared<std::vector<training_state>>();
  void save(training_state const& state) { all->push_back(state); }
  std::optional<training_state> load_newest() const { return all->empty() ? std::nullopt : std::optional{all->back()}; }
};

samples data() {
  auto picture = fake::picture({1, 23, 31}, 0);
  auto labels = fake::truth(picture);
  return {std::move(picture), std::move(labels)};
}

/// Scores from a list, one after the other.
struct listed {
  std::shared_ptr<std::size_t> next = std::make_shared<std::size_t>(0);
  std::vector<double> scores;
  double operator()() const { return scores.at((*next)++); }
};

}  // namespace

TEST_CASE("the best network is kept, the last too, and a run without gain ends") {
  memory best, last;
  fake::net net;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  listed const score{.scores = {nan, 1, 3, 2, 3, 9}};
  auto const done = train(net, data(), {.steps = 60,
                                        .validate = validation{.every = 5, .score = score, .patience = 2, .best = best},
                                        .checkpoints = last});
  CHECK(done.stopped);
  CHECK(done.steps == 25);  // 1 at 10, 3 at 15, then twice nothing better
  REQUIRE(done.best);
  CHECK(done.best->score == 3);
  CHECK(done.best->steps == 15);
  CHECK(done.scores.size() == 5);
  REQUIRE(best.all->size() == 2);
  CHECK(best.all->back().step == 15);
  CHECK(last.all->back().step == 25);
  CHECK(best.all->back().figure("best score") == 3);

  fake::net other;
  load_parameters(other, best.all->back());
  fake::net fifteen;
  train(fifteen, data(), {.steps = 15});
  CHECK(std::memcmp(other.parameters().data(), fifteen.parameters().data(), other.parameters().size_bytes()) == 0);
}

TEST_CASE("validation changes no bit of training; lower may be better; the last step is scored") {
  fake::net plain, watched;
  train(plain, data(), {.steps = 13});
  auto const done = train(watched, data(),
                          {.steps = 13,
                           .validate = validation{.every = 5, .score = listed{.scores = {3, 4, 2}}, .lower_is_better = true}});
  CHECK(std::memcmp(plain.parameters().data(), watched.parameters().data(), plain.parameters().size_bytes()) == 0);
  CHECK(done.scores.back().steps == 13);
  CHECK(done.best->score == 2);
}

TEST_CASE("a resumed run knows the best score and how long ago it was") {
  memory store;
  fake::net net;
  auto const options = [&](std::int64_t steps, std::vector<double> scores) {
    return training_options{.steps = steps,
                            .validate = validation{.every = 5, .score = listed{.scores = std::move(scores)}, .patience = 3},
                            .checkpoints = store};
  };
  train(net, data(), options(15, {7, 5, 6}));
  fake::net anew;
  auto const done = train(anew, data(), options(60, {6, 9, 9}));
  CHECK(done.stopped);
  CHECK(done.steps == 20);
  CHECK(done.best->score == 7);
  CHECK(done.best->steps == 5);
}

TEST_CASE("validations that make no sense are refused in a sentence") {
  fake::net net;
  CHECK_THROWS_WITH_AS(train(net, data(), {.validate = validation{}}),
                       "train: options.validate has no score; give it a function that scores the network.",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(train(net, data(), {.validate = validation{.every = 0, .score = [] { return 0.; }}}),
                       "train: options.validate.every is 0; it must be at least 1.", std::invalid_argument);
  training_state foreign;
  CHECK_THROWS_AS(load_parameters(net, foreign), std::invalid_argument);
}

TEST_CASE("tiles by class: every class equally often in the middle, and every pixel of it") {
  // 2 pixels of class 0, 40 of class 1, 8 of class 4, and ignored ones, over two images.
  std::vector<image<float>> images{image<float>({1, 6, 7}), image<float>({1, 3, 5})};
  std::vector<label_image> labels{label_image({1, 6, 7}, 1, 1), label_image({1, 3, 5}, 1, ignored)};
  labels[0].data[3] = labels[0].data[20] = 0;
  for (std::size_t i = 0; i < 8; ++i) labels[1].data[i] = 4;
  samples const d(images, labels);
  class_pixels const by(d);
  CHECK(by.classes() == 3);
  extent const output{1, 4, 6};
  std::array<int, 256> seen{};
  std::array<int, 42> of_one{};
  constexpr int draws = 30'000;
  for (std::uint32_t step = 0; step < draws; ++step) {
    chosen_tile const t = by.choose(d, {3, step, 0}, output);
    int const y = t.corner.height + 2, x = t.corner.width + 3;
    REQUIRE(labels[t.sample].size.contains(0, y, x));
    std::uint8_t const c = labels[t.sample](y, x);
    ++seen[c];
    if (c == 1) ++of_one[static_cast<std::size_t>(y * 7 + x)];
  }
  // Binomial deviations: sqrt(30000 · 1/3 · 2/3) = 82 and sqrt(10000 / 40) = 16; five of them.
  for (int const c : {0, 1, 4}) CHECK(std::abs(seen[static_cast<std::size_t>(c)] - draws / 3) < 5 * 82);
  CHECK(seen[ignored] == 0);
  for (std::size_t i = 0; i < 42; ++i)
    CHECK((i == 3 || i == 20 ? of_one[i] == 0 : std::abs(of_one[i] - 250) < 5 * 16));
}

TEST_CASE("tiles by class are a function of the key; with every pixel ignored they are those of all pixels") {
  samples const d = data();
  class_pixels const by(d);
  auto const a = by.choose(d, {1, 2, 3}, {1, 8, 6}), b = by.choose(d, {1, 2, 3}, {1, 8, 6});
  CHECK(a.corner == b.corner);
  samples const none(image<float>({1, 5, 5}), label_image({1, 5, 5}, 1, ignored));
  CHECK(class_pixels(none).classes() == 0);
  CHECK(class_pixels(none).choose(none, {1, 2, 0}, {1, 8, 6}).corner == choose_tile(none, {1, 2, 0}, {1, 8, 6}).corner);
}

TEST_CASE("data with little in it trains: one class, a constant image, one pixel, nothing labelled") {
  struct { image<float> picture; label_image labels; } const poor[] = {
      {fake::picture({1, 23, 31}, 0), label_image({1, 23, 31})},                // an empty label image
      {image<float>({1, 23, 31}, 1, 0.4f), label_image({1, 23, 31}, 1, 2)},     // a constant image
      {image<float>({1, 1, 1}, 1, 0.4f), label_image({1, 1, 1})},               // smaller than the tile
      {fake::picture({1, 10, 8}, 0), fake::truth(fake::picture({1, 10, 8}, 0))},  // one tile
      {fake::picture({1, 9, 9}, 0), label_image({1, 9, 9}, 1, ignored)}};
  for (auto const& p : poor)
    for (auto const& by : {as_is, per_image})
      for (auto const how : {tile_sampling::pixels, tile_sampling::classes}) {
        fake::net net;
        auto const done = train(net, samples(p.picture, p.labels, {}, by), {.steps = 20, .sampling = how});
        CHECK(done.steps == 20);
        for (float const v : net.parameters()) CHECK(std::isfinite(v));
      }
}
