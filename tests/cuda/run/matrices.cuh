// Networks in 16 bits against the oracle: how far they may lie from it, and how many of their steps must be on tensor
// cores.
#pragma once
#include <oxbow/cuda/run/network.cuh>

#include "../../ops/agreement.hpp"

namespace oxbow::testing {

/// How many steps of a prediction and of a training step run on tensor cores: none must fall back unseen.
struct on_matrices {
  int inference, training;
};
/// And how many are done octet by octet: norms, the sums that they need, and other steps without products.
struct on_octets {
  int inference = 0, training = 0;
};

template <class Backend>
constexpr double unit_roundoff = Backend::activations == element::bf16 ? 0x1p-8 : 0x1p-11;  // tf32 as f16

inline int convolutions_of(flat_graph const& net) {
  int n = 0;
  for (int i = 0; i < net.forward_ops; ++i)
    n += net.ops[i].kind == op_kind::convolve || net.ops[i].kind == op_kind::up_convolve;
  return n;
}

template <class Net> void gradients_near(Net const& net, auto const& oracle, double bound) {
  double const all = largest(oracle.gradients);
  for (auto const& t : const_cast<Net&>(net).tensors()) {
    if (t.offset >= net.trainable_count()) continue;
    auto const from = static_cast<std::size_t>(t.offset), count = static_cast<std::size_t>(t.count);
    std::span const wanted{oracle.gradients.data() + from, count};
    std::span const got{net.gradients().data() + from, count};
    INFO(t.name, " bound ", bound);
    // what is left of a gradient when terms of the size of the others have cancelled is measured by the largest of all
    double const scale = std::max(largest(wanted), .01 * all) / std::max(largest(wanted), 1e-300);
    CHECK(relative_error(got, wanted) <= bound * scale);
    CHECK(largest(got) > 0);
  }
}

/// Weights are −1, 0 and 1, about two of them other than 0 for each output, biases −1, 0 and 1, grey values −2 … 2: all
/// maps are small whole numbers, which 16 bits hold exactly. So a prediction must equal the oracle's to the bit, and no
/// mask and no maximum can differ. Gradients are rounded once per layer on the way back, and weights are exact: to
/// first order the roundings add up, over the gradients of at most twice the convolutions.
template <class Model, class Backend> void whole_numbers_agree(on_matrices expected, on_octets besides = {}) {
  network<Model, Backend> net{Backend{}, seed{3}};
  random_stream const s{9, purpose::example_data};
  std::uint64_t n = 0;
  for (auto const& t : net.tensors())
    for (float& x : t.data) {
      float const sign = s.below(n++, 2) ? 1.f : -1.f;
      x = s.uniform(n++, 0, 1) * static_cast<float>(std::max<std::int64_t>(t.fan_in, 2)) < 2 ? sign : 0.f;
    }
  example<Model> e;
  for (float& x : e.tile.data) x = static_cast<float>(s.below(n++, 5)) - 2;
  e.oracle_tile = e.tensor_of(e.tile);

  e.context.training = false;
  auto const predicted = ops::interpret(Model::forward, e.oracle_tile, in_double(net), e.context);
  double most = 0;
  for (auto const& v : predicted.values) most = std::max(most, largest(v.data));
  REQUIRE(most <= 1 / unit_roundoff<Backend>);
  REQUIRE(largest(predicted.output().data) > 2);
  image<float> logits{Model::output, Model::classes, std::numeric_limits<float>::quiet_NaN()};
  for (int again = 0; again < 2; ++again) {
    net.infer(std::as_const(e.tile).view(), logits.view());
    CHECK(relative_error(example<Model>::tensor_of(logits).data, predicted.output().data) == 0);
  }
  CHECK(net.inference_launches_on_matrices() == expected.inference);
  CHECK(net.inference_launches_on_octets() == besides.inference);

  e.context.training = true;
  auto const oracle = ops::interpret(Model::lowered_::differentiated, e.oracle_tile, in_double(net), e.context);
  double const loss = net.loss_and_gradients(std::as_const(e.tile).view(), std::as_const(e.labels).view(),
                                             std::as_const(e.weights).view(), e.key, false);
  CHECK(std::abs(loss - oracle.loss()) <= 1e-5 * oracle.loss());  // logits are exact, the sum is in single precision
  gradients_near(net, oracle, 2 * convolutions_of(Model::forward) * unit_roundoff<Backend>);
  CHECK(net.training_launches_on_matrices() == expected.training);
  CHECK(net.training_launches_on_octets() == besides.training);
}

/// Each stored value and each weight is rounded to `unit` of itself; a sum of n products of either sign makes √n of it,
/// in each layer; the way back is as long again, and reads what the way forward has made.
template <class Model, class Backend> void near_oracle(on_matrices expected, on_octets besides = {}) {
  network<Model, Backend> net{Backend{}, seed{3}};
  stir(net);
  double longest = 1;
  for (int i = 0; i < Model::forward.forward_ops; ++i) {
    op const& o = Model::forward.ops[i];
    if (o.kind == op_kind::convolve || o.kind == op_kind::up_convolve)
      longest = std::max(longest, static_cast<double>(o.window.volume() * Model::forward.values[o.in[0]].channels));
  }
  double const bound = std::sqrt(longest) * convolutions_of(Model::forward) * unit_roundoff<Backend>;
  example<Model> e;
  e.context.training = false;
  auto const predicted = ops::interpret(Model::forward, e.oracle_tile, in_double(net), e.context);
  image<float> logits{Model::output, Model::classes, std::numeric_limits<float>::quiet_NaN()};
  for (int again = 0; again < 2; ++again) {
    net.infer(std::as_const(e.tile).view(), logits.view());
    double const off = relative_error(example<Model>::tensor_of(logits).data, predicted.output().data);
    CHECK(off <= bound);
    CHECK(off > 0x1p-18);
  }
  CHECK(net.inference_launches_on_matrices() == expected.inference);
  CHECK(net.inference_launches_on_octets() == besides.inference);

  e.context.training = true;
  auto const oracle = ops::interpret(Model::lowered_::differentiated, e.oracle_tile, in_double(net), e.context);
  double const loss = net.loss_and_gradients(std::as_const(e.tile).view(), std::as_const(e.labels).view(),
                                             std::as_const(e.weights).view(), e.key, false);
  CHECK(std::abs(loss - oracle.loss()) <= 3 * bound * oracle.loss());
  gradients_near(net, oracle, 3 * bound);
  CHECK(net.training_launches_on_matrices() == expected.training);
  CHECK(net.training_launches_on_octets() == besides.training);
}

}  // namespace oxbow::testing
