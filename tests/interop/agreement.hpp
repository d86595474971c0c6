// A network of Oxbow's and what PyTorch computed with the same numbers.
#pragma once
#include <doctest/doctest.h>

#include <limits>
#include <utility>

#include <oxbow/host/network.hpp>

#include "recorded.hpp"

namespace oxbow::testing {

/// Single precision against double: relative to the largest logit, and to the largest element of a gradient. The
/// longest sum here has 300 products, and no network more than 15 sums on top of each other: were all roundings
/// to go the same way, 15 · 300 · 2^−24 = 2.7e-4; they do not, and about the root of that many, 4e-6, is what
/// is met. Gradients pass through twice as many sums, and a sum over the pixels.
inline constexpr double logit_tolerance = 1e-5, gradient_tolerance = 1e-4;

template <class Net> void set_parameters(Net& net, recorded const& file) {
  auto const tensors = net.tensors();
  for (auto const& t : tensors) {
    auto const& from = parameter_of(file, t.name, t.shape);
    for (std::size_t i = 0; i < from.size(); ++i) t.data[i] = static_cast<float>(from[i]);
  }
  check_no_other_parameters(file, tensors.size());
}

/// Prediction, twice, since the second meets what the first has left behind; then loss, gradients, running statistics.
template <class Model> void check_host(recorded const& file) {
  network<Model, host> net{host{2}, seed{}};
  set_parameters(net, file);
  auto const tile = file.image_of("input");
  image<float> logits{Model::output, Model::classes, std::numeric_limits<float>::quiet_NaN()};
  for (int run = 0; run < 2; ++run) {
    net.infer(tile.view(), logits.view());
    CHECK(disagreement("logits", std::span<float const>{logits.data}, file.at("logits"), logit_tolerance) == "");
  }

  auto weights = file.image_of("weights_map");
  weights.size = Model::output, weights.channels = 1;
  auto const labels = file.labels();
  double const loss =
      net.loss_and_gradients(tile.view(), labels.view(), std::as_const(weights).view(), recorded_key, false);
  CHECK(disagreement("loss", std::span<double const>{&loss, 1}, file.at("loss"), logit_tolerance) == "");
  for (auto const& t : net.tensors()) {
    auto const from = static_cast<std::size_t>(t.offset), count = static_cast<std::size_t>(t.count);
    bool const trained = t.offset < net.trainable_count();
    std::span<float const> const got = trained ? net.gradients().subspan(from, count) : t.data;
    double const scale = trained ? gradient_scale(file, t.name) : 0;
    auto const what = (trained ? "grad." : "after.") + t.name;
    CHECK(disagreement(what, got, file.at(what), gradient_tolerance, scale) == "");
  }
}

/// First the oracle, so that a failure says whose: the meaning of an op, or its implementation on the host.
template <class Model> void agrees_with(char const* name) {
  recorded const file{name};
  INFO(file.name);
  REQUIRE(file.image_of("input").size == Model::tile);
  {
    INFO("the oracle");
    check_oracle(file, Model::forward, Model::lowered_::predicting, Model::lowered_::differentiated);
  }
  INFO("the host");
  check_host<Model>(file);
}

}  // namespace oxbow::testing
