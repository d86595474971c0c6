// A back end against the oracle: one network, one tile, prediction and a training step.
#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <oxbow/lower/model.hpp>
#include <oxbow/lower/network.hpp>
#include <oxbow/ops/interpret.hpp>

namespace oxbow::testing {

/// Worst relative rounding error, to first order, of a chain of sums in single precision: each layer adds up to
/// `longest` products with a unit roundoff of 2^−24 each, and what one layer has lost the following ones pass on.
/// Relative to the largest element of what is compared; a factor of 4 for norms and activations between.
inline double rounding_bound(flat_graph const& net) {
  double longest = 1, layers = 1;
  for (int i = 0; i < net.forward_ops; ++i) {
    op const& o = net.ops[i];
    if (o.kind != op_kind::convolve && o.kind != op_kind::up_convolve) continue;
    longest = std::max(longest, static_cast<double>(o.window.volume() * net.values[o.in[0]].channels));
    ++layers;
  }
  return 4 * layers * longest * 0x1p-24;
}

inline double largest(auto const& numbers) {
  double most = 0;
  for (auto const x : numbers) most = std::max(most, std::abs(static_cast<double>(x)));
  return most;
}

/// Largest difference over largest reference; infinite where a number is not one.
template <class A, class B> double relative_error(A const& got, B const& wanted) {
  double worst = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    double const d = std::abs(static_cast<double>(got[i]) - static_cast<double>(wanted[i]));
    if (!(d <= worst)) worst = std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
  }
  double const scale = largest(wanted);
  return scale > 0 ? worst / scale : worst;
}

/// Everything that one tile needs, the same in both representations.
template <class Model> struct example {
  image<float> tile{Model::tile, Model::input_channels};
  label_image labels{Model::output};
  image<float> weights{Model::output};
  random_key key{5, 2, 1};
  ops::tensor<double> oracle_tile;
  ops::context<double> context{.training = true, .key = {5, 2, 1}};

  example() {
    random_stream const s{42, purpose::example_data};
    std::uint64_t n = 0;
    for (float& x : tile.data) x = s.uniform(n++, -1.f, 1.f);
    for (auto& l : labels.data) {
      std::uint32_t const label =
          s.below(n++, 9) == 0 ? ignored : s.below(n++, static_cast<std::uint32_t>(Model::classes));
      l = static_cast<std::uint8_t>(label);
    }
    for (float& w : weights.data) w = s.uniform(n++, .25f, 2.f);
    oracle_tile = tensor_of(tile);
    context.labels.assign(labels.data.begin(), labels.data.end());
    context.weights = tensor_of(weights);
  }
  static ops::tensor<double> tensor_of(image<float> const& im) {
    return ops::make_tensor<double>(im.size, im.channels,
                                    [&](int c, ops::pixel p) { return static_cast<double>(im(p.z, p.y, p.x, c)); });
  }
};

/// Gives biases, norms and running statistics values that matter; weights are He's.
template <class Net> void stir(Net& net) {
  random_stream const s{7, purpose::example_data};
  std::uint64_t n = 0;
  for (auto const& t : net.tensors())
    if (t.fan_in == 0)
      for (float& x : t.data) x = t.fill == 1 ? s.uniform(n++, .5f, 1.5f) : s.uniform(n++, -.3f, .3f);
}

template <class Net> std::vector<double> in_double(Net& net) {
  auto const all = net.parameters();
  return {all.begin(), all.end()};
}

template <class Model, class Backend> void predictions_agree_on(Backend const& where) {
  network<Model, Backend> net{where, seed{3}};
  stir(net);
  example<Model> e;
  image<float> logits{Model::output, Model::classes, std::numeric_limits<float>::quiet_NaN()};
  for (int again = 0; again < 2; ++again) {  // the second run meets an arena full of the first
    net.infer(std::as_const(e.tile).view(), logits.view());
    e.context.training = false;
    auto const oracle = ops::interpret(Model::forward, e.oracle_tile, in_double(net), e.context);
    auto const wanted = example<Model>::tensor_of(logits);
    INFO("bound ", rounding_bound(Model::forward));
    CHECK(relative_error(wanted.data, oracle.output().data) <= rounding_bound(Model::forward));
  }
}

template <class Model, class Backend> void gradients_agree_on(Backend const& where) {
  network<Model, Backend> net{where, seed{3}};
  stir(net);
  example<Model> e;
  auto const oracle = ops::interpret(Model::lowered_::differentiated, e.oracle_tile, in_double(net), e.context);
  double const loss = net.loss_and_gradients(std::as_const(e.tile).view(), std::as_const(e.labels).view(),
                                             std::as_const(e.weights).view(), e.key, false);
  // The backward pass is as long again as the forward pass, and sums over the pixels besides, in blocks.
  double const bound =
      3 * rounding_bound(Model::forward) + 64 * 0x1p-24 * std::sqrt(static_cast<double>(Model::tile.volume()));
  CHECK(std::abs(loss - oracle.loss()) <= bound * std::abs(oracle.loss()));
  for (auto const& t : net.tensors()) {
    if (t.offset >= net.trainable_count()) {
      std::span const moved{oracle.parameters.data() + t.offset, static_cast<std::size_t>(t.count)};
      INFO(t.name);
      CHECK(relative_error(t.data, moved) <= bound);
      continue;
    }
    auto const from = static_cast<std::size_t>(t.offset), count = static_cast<std::size_t>(t.count);
    std::span const wanted{oracle.gradients.data() + from, count};
    std::span const got{net.gradients().data() + from, count};
    INFO(t.name, " bound ", bound);
    // A bias in front of a norm has no influence, and a scale in front of one next to none: what is left of their
    // gradients when terms of the size of the others have cancelled is measured by the largest of all.
    double const all = largest(oracle.gradients);
    if (largest(wanted) < 1e-3 * all) {
      double worst = 0;
      for (std::size_t i = 0; i < count; ++i) {
        double const off = std::abs(static_cast<double>(got[i]) - wanted[i]);
        worst = off <= worst ? worst : off;  // a NaN stays
      }
      CHECK(worst <= bound * all);
    } else {
      CHECK(relative_error(got, wanted) <= bound);
    }
  }
}

}  // namespace oxbow::testing
