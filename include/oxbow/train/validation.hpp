// Scores during training: the best network is kept, and a run that gains nothing any more ends.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>

#include <oxbow/core/training_state.hpp>
#include <oxbow/train/checkpoint_store.hpp>

namespace oxbow {

/// When to score and what follows from it: .validate = validation{.every = 500, .score = [&] { … }, .patience = 5}.
/// The score is any number that says how good the network is now; one that is not a number is no gain.
struct validation {
  std::int64_t every = 500;             ///< steps; the last step has one in any case
  std::function<double()> score = {};
  bool lower_is_better = false;
  int patience = 0;                     ///< ends the run after so many validations without a gain; 0: never
  checkpoint_store best = {};           ///< where the best so far is kept, beside the last in options.checkpoints
};

/// The parameters of a saved state into a network of the same kind, such as that of the best score.
/// throws  std::invalid_argument if the state is of another model
template <class Net> void load_parameters(Net& net, training_state const& saved) {
  std::span<float> const all = net.parameters();
  if (saved.schema != net.schema() || saved.parameters.size() != all.size())
    throw std::invalid_argument("load_parameters: the state is of another model: it has " +
                                std::to_string(saved.parameters.size()) + " parameters, this one " +
                                std::to_string(all.size()) + ".");
  std::copy(saved.parameters.begin(), saved.parameters.end(), all.begin());
  if constexpr (requires { net.parameters_changed(); }) net.parameters_changed();
}

}  // namespace oxbow
