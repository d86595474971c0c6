// Everything that a training run must remember to go on as if it had never stopped.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace oxbow {

/// A moment of a training run. Random numbers need no state beyond `seed` and `step`, because
/// they are pure functions of both. Saved and loaded bit for bit, NaN payloads included.
struct training_state {
  std::uint64_t schema = 0;                   ///< hash of the model's names and shapes
  std::uint64_t step = 0;                     ///< steps completed
  std::uint64_t seed = 0;                     ///< of every random stream
  std::vector<float> parameters;              ///< in the order of the model's flat arena
  std::vector<std::vector<float>> optimizer;  ///< the optimizer's buffers, any number, any lengths
  std::string optimizer_name;                 ///< so that another optimizer does not go on with them
  std::vector<std::pair<std::string, double>> extra;  ///< named figures: best score, average loss; names unique

  /// The figure called `name`, or `fallback` where there is none.
  double figure(std::string const& name, double fallback = 0) const {
    for (auto const& [key, value] : extra)
      if (key == name) return value;
    return fallback;
  }
  /// Sets the figure called `name`.
  void set_figure(std::string const& name, double value) {
    for (auto& [key, old] : extra)
      if (key == name) {
        old = value;
        return;
      }
    extra.emplace_back(name, value);
  }
};

}  // namespace oxbow
