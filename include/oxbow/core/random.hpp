// Random numbers without state: a pure function of a key and a counter.
#pragma once
#include <cstdint>

#include <oxbow/core/elementary.hpp>
#include <oxbow/core/lanes.hpp>
#include <oxbow/core/portable.hpp>

namespace oxbow {

/// Four random words.
struct random_words {
  std::uint32_t word[4];
};

/// One round of Philox.
constexpr OXBOW_DEVICE void philox_round(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c, std::uint32_t& d,
                                         std::uint32_t key0, std::uint32_t key1) {
  std::uint64_t const p = std::uint64_t{0xD2511F53u} * a, q = std::uint64_t{0xCD9E8D57u} * c;
  a = static_cast<std::uint32_t>(q >> 32) ^ b ^ key0, b = static_cast<std::uint32_t>(q);
  c = static_cast<std::uint32_t>(p >> 32) ^ d ^ key1, d = static_cast<std::uint32_t>(p);
}

/// Philox 4×32 with ten rounds: the same counter and key give the same words on every machine,
/// thread and device, so that forward, backward and a resumed run agree without storing anything.
/// source  Salmon et al., Parallel random numbers: as easy as 1, 2, 3. SC 2011, section 3.3
constexpr OXBOW_DEVICE random_words philox(random_words counter, std::uint32_t key0, std::uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    philox_round(counter.word[0], counter.word[1], counter.word[2], counter.word[3], key0, key1);
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
  OXBOW_DEVICE float normal(std::uint64_t index) const { return normals<1>(index, 1)[0]; }
  /// The normals of Count indices from `first` on, `step` apart: the same numbers, several at a time.
  template <int Count> OXBOW_DEVICE lanes<float, Count> normals(std::uint64_t first, std::uint64_t step) const {
    if constexpr (Count % 2 == 0)
      if (step == 1 && first % 2 == 0) {  // two neighbours share a block of words
        auto const w = blocks<Count / 2>(first, 2);
        auto const even = box_muller(w.word[0], w.word[1]), odd = box_muller(w.word[2], w.word[3]);
        lanes<float, Count> made;
        for (int i = 0; i < Count / 2; ++i) made[2 * i] = even[i], made[2 * i + 1] = odd[i];
        return made;
      }
    auto w = blocks<Count>(first, step);
    auto const begin = static_cast<std::uint32_t>(first), by = static_cast<std::uint32_t>(step);
    for (int i = 0; i < Count; ++i) {
      bool const odd = (begin + static_cast<std::uint32_t>(i) * by) % 2 != 0;
      w.word[0][i] = odd ? w.word[2][i] : w.word[0][i], w.word[1][i] = odd ? w.word[3][i] : w.word[1][i];
    }
    return box_muller(w.word[0], w.word[1]);
  }

  template <int Count> struct word_lanes {
    lanes<std::uint32_t, Count> word[4];
  };
  /// words(index[i]), several at a time.
  template <int Count> OXBOW_DEVICE word_lanes<Count> words(lanes<std::uint64_t, Count> index) const {
    lanes<std::uint32_t, Count> w0, w1, w2, w3;
    for (int i = 0; i < Count; ++i) {
      w0[i] = static_cast<std::uint32_t>(index[i]), w1[i] = static_cast<std::uint32_t>(index[i] >> 32);
      w2[i] = a, w3[i] = b << 8 | static_cast<std::uint32_t>(use);
    }
    auto const key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
    for (std::uint32_t round = 0; round < 10; ++round)
      for (int i = 0; i < Count; ++i)
        philox_round(w0[i], w1[i], w2[i], w3[i], key0 + round * 0x9E3779B9u, key1 + round * 0xBB67AE85u);
    return {{w0, w1, w2, w3}};
  }

 private:
  /// words(k / 2) for Count numbers k from `first` on, `step` apart.
  template <int Count> OXBOW_DEVICE word_lanes<Count> blocks(std::uint64_t first, std::uint64_t step) const {
    lanes<std::uint64_t, Count> index;
    for (int i = 0; i < Count; ++i) index[i] = (first + static_cast<std::uint64_t>(i) * step) / 2;
    return words(index);
  }
  template <int Count>
  static OXBOW_DEVICE lanes<float, Count> box_muller(lanes<std::uint32_t, Count> one,
                                                     lanes<std::uint32_t, Count> other) {
    lanes<float, Count> made;
    for (int i = 0; i < Count; ++i) {
      float const u = 1.f - unit_float(one[i]);  // in (0, 1]
      made[i] = root_of(-1.38629436f * log2_of(u)) * cosine_of_turns(unit_float(other[i]));  // −2 · ln 2
    }
    return made;
  }
};

}  // namespace oxbow
