// Which training example is meant, wherever random numbers depend on it.
#pragma once
#include <cstdint>

namespace oxbow {

/// One example of one training step: with the same key and parameters, dropout, augmentation and
/// the choice of tiles are the same on every machine, with any number of threads.
struct random_key {
  std::uint64_t seed = 0;
  std::uint32_t step = 0;
  std::uint32_t sample = 0;  ///< its number in the step's batch; < 2^16

  constexpr bool operator==(random_key const&) const = default;
};

}  // namespace oxbow
