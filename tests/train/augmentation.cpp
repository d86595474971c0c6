// The library's augmentations in the training loop, which knows none of them.
#include <doctest/doctest.h>

#include <vector>

#include <oxbow/augment/elastic.hpp>
#include <oxbow/augment/gather.hpp>
#include <oxbow/augment/grey.hpp>
#include <oxbow/augment/rigid.hpp>
#include <oxbow/train/loop.hpp>

#include "fake_net.hpp"

using namespace oxbow;

namespace {

samples data(bool weighted) {
  image<float> input = fake::picture({1, 23, 31}, 0);
  label_image labels = fake::truth(input);
  image<float> weights;
  if (weighted) weights = image<float>(input.size, 1, 2.f);
  return {std::move(input), std::move(labels), std::move(weights)};
}

sample filled(augmentation const& by, sample const& whole, extent corner) {
  sample tile{image<float>(fake::facts::tile, 1, -9.f), label_image(fake::facts::output, 1, 99),
              image<float>(fake::facts::output, 1, -9.f)};
  by.fill(whole, {3, 5, 1}, corner, tile, fake::shuffled_for{2});
  return tile;
}

std::vector<float> trained(training_options const& options, int threads) {
  fake::net net(threads);
  train(net, data(true), options);
  return {net.parameters().begin(), net.parameters().end()};
}

}  // namespace

TEST_CASE("a pipeline that moves nothing fills the tile that is filled without one") {
  for (bool weighted : {false, true})
    for (extent corner : {extent{0, 4, 9}, extent{0, -7, 25}}) {
      samples const d = data(weighted);
      sample const plain = filled({}, d[0], corner);
      sample const still = filled(shift{.pixels = 0} | mirror{0, 0, 0}, d[0], corner);
      CHECK(plain.input.data == still.input.data);
      CHECK(plain.labels.data == still.labels.data);
      CHECK(plain.weights.data == still.weights.data);
      CHECK(plain.weights.data[7] == (weighted ? 2.f : 1.f));
    }
}

TEST_CASE("training takes a pipeline by name, the same for any number of threads") {
  training_options const options{.optimizer = sgd{.rate = 0.1f, .momentum = 0.9f},
                                 .augment = elastic{} | rotate{} | shift{.pixels = 4},
                                 .steps = 20};
  training_options without = options;
  without.augment = {};
  CHECK(trained(options, 1) == trained(options, 4));
  CHECK(trained(options, 1) != trained(without, 1));
}
