// The sentences of docs/errors.md about training and prediction: each is provoked, and the page must have it.
#include <limits>

#include <oxbow/augment/elastic.hpp>
#include <oxbow/augment/gather.hpp>
#include <oxbow/augment/grey.hpp>
#include <oxbow/io/checkpoint.hpp>
#include <oxbow/metrics/pixel.hpp>
#include <oxbow/predict/average.hpp>
#include <oxbow/train/loop.hpp>

#include "../train/fake_net.hpp"
#include "page.hpp"

using namespace oxbow;
using namespace oxbow::testing;
namespace fs = std::filesystem;

namespace {

/// A network that predict() can take: 3 × 3 tiles, two classes, all zero.
struct flat_net {
  struct model_type {
    static constexpr int input_channels = 1, classes = 2, alignment = 2;
    static constexpr bool keeps_scale = true;
    static constexpr extent tile{1, 16, 16}, output{1, 16, 16}, halo{0, 0, 0}, padding_reach{0, 7, 7};
  };
  void infer(image_view<float const>, image_view<float> logits) {
    for (std::int64_t i = 0; i < logits.count(); ++i) logits.data[i] = 0;
  }
};

samples fake_data() {
  auto const picture = fake::picture({1, 20, 20}, 1);
  return {picture, fake::truth(picture)};
}

}  // namespace

TEST_CASE("samples and options") {
  image<float> const picture({1, 20, 20});
  CHECK_SAID(samples(std::vector<sample>{}));
  CHECK_SAID(samples(image<float>{}, label_image{}));
  CHECK_SAID(samples(picture, label_image({1, 20, 24})));
  label_image hollow;
  hollow.size = picture.size;
  CHECK_SAID(samples(picture, hollow));
  CHECK_SAID(samples(picture, label_image(picture.size), {}, given_moments(0, 0)));
  image<float> holes = picture;
  holes(5, 6) = std::numeric_limits<float>::quiet_NaN();
  CHECK_SAID(samples(holes, label_image({1, 20, 20})));
  label_image seven({1, 20, 20});
  seven(2, 9) = 7;
  fake::net net;
  CHECK_SAID(train(net, samples{picture, seven}));
  CHECK_SAID(train(net, samples{image<float>({1, 20, 20}, 3), label_image({1, 20, 20})}));
  CHECK_SAID(train(net, fake_data(), {.batch = 0}));
  CHECK_SAID(train(net, fake_data(), {.class_weights = {1, 2}}));
  CHECK_SAID(train(net, fake_data(), {.augment = elastic{.grid = 12}}));
  CHECK_SAID(train(net, fake_data(), {.augment = grey{.gamma = 0}}));
}

TEST_CASE("training that goes wrong") {
  fresh_folder const here;
  fake::net net;
  net.spoil = [](random_key key, double& loss, std::vector<float>&) {
    if (key.step == 7) loss = std::numeric_limits<double>::infinity();
  };
  CHECK_SAID(train(net, fake_data(), {.steps = 20, .checkpoints = checkpoints{"run"}, .checkpoint_every = 5}));
}

TEST_CASE("checkpoints") {
  fresh_folder const here;
  fake::net net;
  train(net, fake_data(), {.steps = 2, .checkpoints = checkpoints{"run"}});
  CHECK_SAID(train(net, fake_data(), {.steps = 4, .checkpoints = checkpoints{"run"}, .seed = 2}));
  CHECK_SAID(train(net, fake_data(), {.optimizer = adam{}, .steps = 4, .checkpoints = checkpoints{"run"}}));
  auto const path = checkpoints{"run"}.paths().front();
  fs::resize_file(path, fs::file_size(path) - 3);
  std::string warning;
  CHECK(!checkpoints("run", 2, [&](std::string const& text) { warning = text; }).load_newest());
  INFO("said: ", warning);
  CHECK(page{"errors.md"}.says(warning));
}

TEST_CASE("prediction") {
  flat_net net;
  CHECK_SAID(predict(net, image<float>({1, 9, 9}, 3)));
  image<float> holes({1, 9, 9});
  holes(5, 6) = std::numeric_limits<float>::infinity();
  CHECK_SAID(predict(net, holes));
  CHECK_SAID(predict(net, image<float>{}));
  CHECK_SAID(predict_average(net, image<float>({1, 9, 9}), {{.degrees = std::numeric_limits<double>::infinity()}}));
  CHECK_SAID(predict(net, image<float>({1, 40, 40})));
}

TEST_CASE("scores") {
  label_image truth({1, 4, 4}), predicted({1, 4, 4});
  predicted(1, 2) = 3;
  CHECK_SAID(confusion(truth, predicted, 2));
}
