// The device against the oracle: one network, one tile, prediction and a training step.
#pragma once
#include <oxbow/cuda/run/network.cuh>

#include "../../ops/agreement.hpp"

namespace oxbow::testing {

template <class Model> void agrees_with_oracle() {
  predictions_agree_on<Model>(oxbow::cuda{});
  gradients_agree_on<Model>(oxbow::cuda{});
}

}  // namespace oxbow::testing
