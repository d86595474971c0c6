// What the tests of augmentation share.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include <oxbow/augment/gather.hpp>
#include <oxbow/augment/rigid.hpp>
#include <oxbow/core/random.hpp>

namespace oxbow::test {

/// Values of any sign and size, among them −0, different in every pixel and channel.
inline image<float> arbitrary_image(extent size, int channels = 1, std::uint64_t seed = 1) {
  image<float> made(size, channels);
  random_stream const random{seed, purpose::example_data};
  for (std::size_t i = 0; i < made.data.size(); ++i)
    made.data[i] = i % 17 == 3 ? -0.f : std::ldexp(random.uniform(i, -1, 1), static_cast<int>(i % 40) - 20);
  return made;
}

inline label_image arbitrary_labels(extent size, std::uint64_t seed = 2) {
  label_image made(size);
  random_stream const random{seed, purpose::example_data};
  for (std::size_t i = 0; i < made.data.size(); ++i) made.data[i] = static_cast<std::uint8_t>(random.below(i, 256));
  return made;
}

inline sample arbitrary_sample(extent size, int channels = 1) {
  return {arbitrary_image(size, channels), arbitrary_labels(size), arbitrary_image(size, 1, 3)};
}

template <class T> bool same_bits(image<T> const& a, image<T> const& b) {
  return a.size == b.size && a.channels == b.channels &&
         std::memcmp(a.data.data(), b.data.data(), a.data.size() * sizeof(T)) == 0;
}

/// A map without chance, and of somebody else's making.
struct move_by {
  float z = 0, y = 0, x = 0;
  drawn_shift draw(map_random const&, extent) const { return {{z, y, x}}; }
};
struct flip {
  bool y = false, x = false, z = false;
  drawn_mirror draw(map_random const&, extent tile) const { return {z, y, x, middle(tile)}; }
};
inline rotate turn_by(float degrees) { return {.from = degrees, .to = degrees}; }

/// Largest distance between the distribution of the values and the uniform one on low … high; 1 if one lies outside.
inline double distance_from_uniform(std::vector<float> values, double low, double high) {
  std::sort(values.begin(), values.end());
  auto const n = static_cast<double>(values.size());
  if (values.front() < low || values.back() > high) return 1;
  double worst = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    double const expected = (static_cast<double>(values[i]) - low) / (high - low), below = static_cast<double>(i) / n;
    worst = std::max({worst, std::abs(expected - below), std::abs(expected - below - 1 / n)});
  }
  return worst;
}

/// What the distance above exceeds with a chance of one in a million, for n independent values from that very
/// distribution, by the inequality of Dvoretzky, Kiefer and Wolfowitz: P(D > e) ≤ 2·exp(−2·n·e²).
inline double uniform_bound(std::size_t n) { return std::sqrt(std::log(2e6) / (2 * static_cast<double>(n))); }

}  // namespace oxbow::test
