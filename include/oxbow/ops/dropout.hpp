// The random masks of dropout: never stored, computed again wherever they are needed.
#pragma once
#include <oxbow/core/portable.hpp>
#include <oxbow/core/random.hpp>
#include <oxbow/core/random_key.hpp>

namespace oxbow::ops {

/// The stream of a dropout layer for one example of one step. `number` is the layer's, op::channel, < 2^8; the
/// example's number in its batch is < 2^16, so that both fit the 24 bits that a stream has for them.
constexpr OXBOW_DEVICE random_stream drop_stream(random_key key, int number) {
  return {key.seed, purpose::dropout, key.step, key.sample << 8 | static_cast<std::uint32_t>(number)};
}

/// What an element is multiplied with: 0 with probability rate, else 1 / (1 − rate).
/// element: row-major number of the pixel · channels + channel, in the tensor that is dropped from
constexpr OXBOW_DEVICE float drop_factor(random_stream const& stream, std::uint64_t element, float rate) {
  return stream.uniform(element) < rate ? 0.f : 1.f / (1.f - rate);
}

}  // namespace oxbow::ops
