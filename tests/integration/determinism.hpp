// The law that the same seed gives the same bits for any number of threads: prediction, gradients, training as a whole.
#pragma once
#include <oxbow/augment/elastic.hpp>
#include <oxbow/augment/gather.hpp>
#include <oxbow/augment/grey.hpp>
#include <oxbow/augment/rigid.hpp>
#include <oxbow/predict/predict.hpp>
#include <oxbow/train/loop.hpp>

#include <limits>

#include "whole.hpp"

namespace oxbow::testing {

inline constexpr int thread_counts[] = {1, 2, 4, 4, 3};  // 4 again: the threads meet in another order

/// Everything that one step of one network makes.
struct step_results {
  double loss[2];
  std::vector<float> logits, gradients, parameters;
  friend bool operator==(step_results const& a, step_results const& b) {
    return same_bits(a.loss, b.loss) && same_bits(a.logits, b.logits) && same_bits(a.gradients, b.gradients) &&
           same_bits(a.parameters, b.parameters);
  }
};

template <class Model> step_results one_step(int threads) {
  network<Model, host> net{host{threads}, seed{5}};
  CHECK(net.threads() == threads);
  stir(net);
  sample const s = example(Model::tile, 1, 3, 1), t = example(Model::tile, 1, 3, 2);
  image<float> logits(Model::output, 3, std::numeric_limits<float>::quiet_NaN());
  step_results r{};
  r.loss[0] = net.loss_and_gradients(s.input.view(), s.labels.view(), s.weights.view(), {9, 3, 0}, false);
  r.loss[1] = net.loss_and_gradients(t.input.view(), t.labels.view(), {}, {9, 3, 1}, true);
  net.infer(s.input.view(), logits.view());
  r.logits = logits.data;
  r.gradients.assign(net.gradients().begin(), net.gradients().begin() + net.trainable_count());
  r.parameters = bits_of(net);
  return r;
}

template <class Model> auto trained(int threads, std::uint64_t number) {
  std::vector<sample> all{example({1, 61, 47}, 1, 3, 3), example({1, 20, 90}, 1, 3, 4)};
  samples const data{std::move(all)};
  network<Model, host> net{host{threads}, seed{number}};
  auto const done = train(net, data,
                          {.optimizer = sgd{.rate = 0.02f, .momentum = 0.9f, .nesterov = true},
                           .augment = elastic{.sigma = 3} | rotate{} | mirror{} | scale{} | grey{},
                           .steps = 6,
                           .batch = 2,
                           .clip = 1,
                           .class_weights = {1, 2, 0.5f},
                           .seed = number});
  // An image of odd size and several tiles, whose last ones hang over the edge.
  image<float> const seen = predict(net, noise({1, 71, 85}, 1, 8));
  return std::tuple{done.losses, bits_of(net), seen.data};
}

inline bool finite(std::vector<float> const& numbers) {
  return std::ranges::all_of(numbers, [](float x) { return std::isfinite(x); });
}

/// Loss, gradients, running statistics and logits.
template <class Model> void steps_agree() {
  step_results const one = one_step<Model>(1);
  CHECK((finite(one.logits) && finite(one.gradients) && finite(one.parameters)));
  CHECK(one.loss[0] != one.loss[1]);
  for (int threads : thread_counts) {
    CAPTURE(threads);
    CHECK(one_step<Model>(threads) == one);
  }
}

/// Training and prediction; another seed gives other bits.
template <class Model> void training_agrees() {
  auto const [losses, parameters, seen] = trained<Model>(1, 3);
  CHECK((finite(losses) && finite(parameters) && finite(seen)));
  for (int threads : thread_counts) {
    CAPTURE(threads);
    auto const [l, p, s] = trained<Model>(threads, 3);
    CHECK(same_bits(l, losses));
    CHECK(same_bits(p, parameters));
    CHECK(same_bits(s, seen));
  }
  auto const [l, p, s] = trained<Model>(2, 4);
  CHECK_FALSE(same_bits(l, losses));
  CHECK_FALSE(same_bits(s, seen));
}

}  // namespace oxbow::testing
