// Random numbers without state: a pure function of a key and a counter.
#pragma once
#include <cmath>
#include <cstdint>

#include <oxbow/core/portable.hpp>

namespace oxbow {

/// Four random words.
struct random_words {
  std::uint32_t word[4];
};

/// Philox 4×32 with ten rounds: the same counter and key give the same words on every machine,
/// thread and device, so that forward, backward and a resumed run agree without storing anything.
/// source  Salmon et al., Parallel random numbers: as easy as 1, 2, 3. SC 2011, section 3.3
constexpr OXBOW_DEVICE random_words philox(random_words counter, std::uint32_t key0, std::uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    std::uint64_t const a = std::uint64_t{0xD2511F53u} * counter.word[0];
    std::uint64_t const b = std::uint64_t{0xCD9E8D57u} * counter.word[2];
    counter = {{static_cast<std::uint32_t>(b >> 32) ^ counter.word[1] ^ key0, static_cast<std::uint32_t>(b),
                static_cast<std::uint32_t>(a >> 32) ^ counter.word[3] ^ key1, static_cast<std::uint32_t>(a)}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

/// A float in [0, 1) from the upper 24 bits.
constexpr OXBOW_DEVICE float unit_float(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

/// What a stream of random numbers is for. Streams with different purposes never share a counter.
enum class purpose : std::uint32_t { dropout = 1, initial_weights, sample_choice, augmentation, noise, example_data };

/// A stream: (seed, purpose, a, b) name it, `index` walks it. For dropout a is the training step
/// and b the layer; for augmentation a is the step and b the sample.
struct random_stream {
  std::uint64_t seed = 0;
  purpose use{};
  std::uint32_t a = 0, b = 0;

  /// Words 4·index … 4·index + 3 of the stream. b and the purpose share a counter word: b < 2^24.
  constexpr OXBOW_DEVICE random_words words(std::uint64_t index) const {
    random_words const counter{{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), a,
                                b << 8 | static_cast<std::uint32_t>(use)}};
    return philox(counter, static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
  }
  constexpr OXBOW_DEVICE std::uint32_t word(std::uint64_t index) const { return words(index / 4).word[index % 4]; }

  /// Uniform in [0, 1).
  constexpr OXBOW_DEVICE float uniform(std::uint64_t index) const { return unit_float(word(index)); }
  constexpr OXBOW_DEVICE float uniform(std::uint64_t index, float low, float high) const {
    return low + (high - low) * uniform(index);
  }
  /// An integer in [0, bound); the bias is below bound / 2^32.
  constexpr OXBOW_DEVICE std::uint32_t below(std::uint64_t index, std::uint32_t bound) const {
    return static_cast<std::uint32_t>(std::uint64_t{word(index)} * bound >> 32);
  }
  /// Mean 0, deviation 1, by Box and Muller from words 2·index and 2·index + 1.
  OXBOW_DEVICE float normal(std::uint64_t index) const {
    random_words const w = words(index / 2);  // both words lie in one block of four
    std::uint64_t const first = 2 * (index % 2);
    float const u = 1.f - unit_float(w.word[first]), v = unit_float(w.word[first + 1]);  // u in (0, 1]
    return std::sqrt(-2.f * std::log(u)) * std::cos(6.28318530718f * v);
  }
};

}  // namespace oxbow
