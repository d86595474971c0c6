// The networks of the paper at the size of the paper, against samples of what PyTorch computes.
#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <oxbow/core/random.hpp>
#include <oxbow/host/network.hpp>
#include <oxbow/net/named.hpp>

#include "recorded.hpp"

namespace oxbow::testing {

/// Weights by the formula of make_paper in make_fixtures.py: both sides get the same bits, without a file of 124 MB.
/// (Each number is one product of a float and an exact one.)
template <class Net> void set_parameters_by_formula(Net& net) {
  std::uint32_t k = 0;
  for (auto const& t : net.tensors()) {
    random_stream const stream{1, purpose::initial_weights, k++, 0};
    float const reach = t.fan_in > 0 ? static_cast<float>(std::sqrt(6. / static_cast<double>(t.fan_in))) : .1f;
    for (std::size_t i = 0; i < t.data.size(); i += 4) {
      random_words const w = stream.words(i / 4);
      for (std::size_t j = i; j < std::min(i + 4, t.data.size()); ++j)
        t.data[j] = reach * (2 * unit_float(w.word[j - i]) - 1);
    }
  }
}

/// A tile, labels and pixel weights by the same file's formulas.
template <class Model> struct paper_example {
  image<float> tile{Model::tile}, weights{Model::output};
  label_image labels{Model::output};

  paper_example() {
    auto const stream = [](std::uint32_t a) { return random_stream{1, purpose::example_data, a, 0}; };
    for (std::size_t i = 0; i < tile.data.size(); ++i) tile.data[i] = 2 * stream(0).uniform(i) - 1;
    for (std::size_t i = 0; i < labels.data.size(); ++i) {
      auto const one_of_nine = stream(1).word(i) % 9;
      labels.data[i] = one_of_nine == 8 ? ignored : static_cast<std::uint8_t>(one_of_nine % 2);
      weights.data[i] = stream(2).uniform(i) + .25f;
    }
  }
};

/// What a run in single precision may be off by: of the logits, relative to the largest; of each gradient, relative to
/// its largest element; of a gradient's norm. Of some 60 million values a few lie so close to a kink of a ReLU or to a
/// tie in a pooling that a rounding decides, and each of those moves the gradients by a jump: no bound from rounding
/// alone holds. So gradients are measured by how far PyTorch in single precision is from PyTorch in double, about 2e-4;
/// the host may be four times as far, because which values jump, and how many, is chance.
/// Logits are continuous: 23 sums of up to 9216 products with roundings that go either way could be off by
/// √(23 · 9216) · 2^−24 = 2.7e-5; sums in blocks do better by about the root of the number of blocks.
struct paper_tolerance {
  double logits = 1e-5, gradient, norm;

  explicit paper_tolerance(recorded const& file)
      : gradient{4 * file.at("single_precision").data[1]}, norm{4 * file.at("single_precision").data[2]} {
    REQUIRE(gradient < 2e-3);
    REQUIRE(norm < 1e-3);
  }
};

inline double norm_of(std::span<float const> numbers) {
  double sum = 0;
  for (float const x : numbers) sum += static_cast<double>(x) * static_cast<double>(x);
  return std::sqrt(sum);
}

template <class Net>
void check_gradient(Net& net, network_tensor const& t, recorded const& file, paper_tolerance const& tolerance) {
  auto const g = net.gradients().subspan(static_cast<std::size_t>(t.offset), static_cast<std::size_t>(t.count));
  auto const& facts = file.at("facts." + t.name).data;
  std::size_t const every = g.size() / 61 + 1;
  std::vector<float> sample;
  for (std::size_t i = 0; i < g.size(); i += every) sample.push_back(g[i]);
  CHECK(disagreement("every " + std::to_string(every) + "-th of grad." + t.name, std::span<float const>{sample},
                     file.at("grad." + t.name), tolerance.gradient, facts[1]) == "");
  INFO("norm of grad.", t.name, ": expected ", facts[0], ", got ", norm_of(g));
  CHECK(std::abs(norm_of(g) - facts[0]) <= tolerance.norm * facts[0]);
}

/// A prediction and a training step, dropout included.
template <class Model> void agrees_with_samples_of(char const* name) {
  recorded const file{name};
  paper_tolerance const tolerance{file};
  network<Model, host> net{host{}, seed{}};
  set_parameters_by_formula(net);
  paper_example<Model> const e;

  image<float> logits{Model::output, Model::classes, std::numeric_limits<float>::quiet_NaN()};
  net.infer(e.tile.view(), logits.view());
  std::vector<float> sample;
  for (std::size_t p = 0; p < static_cast<std::size_t>(Model::output.volume()); p += 17)
    for (std::size_t c = 0; c < 2; ++c) sample.push_back(logits.data[2 * p + c]);
  CHECK(disagreement("every 17-th pixel of the logits", std::span<float const>{sample}, file.at("logits"),
                     tolerance.logits, file.at("largest_logit").data[0]) == "");

  double const loss = net.loss_and_gradients(e.tile.view(), e.labels.view(), e.weights.view(), recorded_key, false);
  CHECK(disagreement("loss", std::span<double const>{&loss, 1}, file.at("loss"), tolerance.logits) == "");
  for (auto const& t : net.tensors()) check_gradient(net, t, file, tolerance);
}

}  // namespace oxbow::testing
