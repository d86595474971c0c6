// The device and what PyTorch computed with the same numbers.
#pragma once
#include <oxbow/cuda/run/network.cuh>

#include "../../interop/check_network.hpp"

namespace oxbow::testing {

template <class Model> void is_as_recorded(char const* name) {
  recorded const file{name};
  INFO(file.name);
  check_network<Model>(file, oxbow::cuda{});
}

}  // namespace oxbow::testing
