// A replayed graph does what its steps do, one by one: the same bits, three times over.
#pragma once
#include <oxbow/cuda/run/network.cuh>

#include "../../ops/agreement.hpp"

namespace oxbow::testing {

template <class Model, class Backend> void graph_equals_steps() {
  Backend one_by_one{};
  one_by_one.each_step = true;
  network<Model, Backend> graph{Backend{}, seed{3}}, steps{one_by_one, seed{3}};
  example<Model> const e;
  image<float> a{Model::output, Model::classes}, b{Model::output, Model::classes};
  for (int again = 0; again < 3; ++again) {
    graph.infer(e.tile.view(), a.view()), steps.infer(e.tile.view(), b.view());
    CHECK(a.data == b.data);
    random_key const key{5, static_cast<std::uint32_t>(again), 1};
    double const one = graph.loss_and_gradients(e.tile.view(), e.labels.view(), e.weights.view(), key, again == 2);
    CHECK(one == steps.loss_and_gradients(e.tile.view(), e.labels.view(), e.weights.view(), key, again == 2));
    auto const g = graph.gradients(), h = steps.gradients();
    CHECK(std::vector<float>(g.begin(), g.end()) == std::vector<float>(h.begin(), h.end()));
  }
}

}  // namespace oxbow::testing
