// A network of Oxbow's and what PyTorch computed with the same numbers.
#pragma once
#include <oxbow/host/network.hpp>

#include "check_network.hpp"

namespace oxbow::testing {

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
  check_network<Model>(file, host{2});
}

}  // namespace oxbow::testing
