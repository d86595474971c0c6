// A back end's network and what PyTorch computed with the same numbers.
#pragma once
#include <doctest/doctest.h>

#include <limits>
#include <span>
#include <utility>

#include <oxbow/lower/network.hpp>

#include "recorded.hpp"

namespace oxbow::testing {

/// Single precision against double: relative to the largest logit, and to the largest element of a gradient. Roundings
/// go either way, so n of them add up to about √n · 2^−24 of the largest partial sum. A logit here is the end of at most
/// 15 sums of at most 300 products: √(15 · 300) · 2^−24 = 4e-6. A gradient is the end of twice as many, and of one over
/// at most 3000 pixels: √(30 · 3000) · 2^−24 = 1.8e-5. The fixtures' values stay away from the kinks of their
/// functions by 2^−17 = 7.6e-6 of the largest, so that both sides take the same branches.
inline constexpr double logit_tolerance = 1e-5, gradient_tolerance = 2e-5;

template <class Net> void set_parameters(Net& net, recorded const& file) {
  auto const tensors = net.tensors();
  for (auto const& t : tensors) {
    auto const& from = parameter_of(file, t.name, t.shape);
    for (std::size_t i = 0; i < from.size(); ++i) t.data[i] = static_cast<float>(from[i]);
  }
  check_no_other_parameters(file, tensors.size());
}

/// Prediction, twice, since the second meets what the first has left behind; then loss, gradients, running statistics.
template <class Model, class Backend> void check_network(recorded const& file, Backend const& where) {
  network<Model, Backend> net{where, seed{}};
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
    std::span<float const> const gradients = net.gradients();
    std::span<float const> const got = trained ? gradients.subspan(from, count) : t.data;
    double const scale = trained ? gradient_scale(file, t.name) : 0;
    auto const what = (trained ? "grad." : "after.") + t.name;
    CHECK(disagreement(what, got, file.at(what), gradient_tolerance, scale) == "");
  }
}

}  // namespace oxbow::testing
