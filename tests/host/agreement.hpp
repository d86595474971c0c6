// The host against the oracle: one network, one tile, prediction and a training step.
#pragma once
#include <oxbow/host/network.hpp>

#include "../ops/agreement.hpp"

namespace oxbow::testing {

template <class Model> void predictions_agree() { predictions_agree_on<Model>(host{2}); }
template <class Model> void gradients_agree() { gradients_agree_on<Model>(host{2}); }

}  // namespace oxbow::testing
