// What the laws over the whole system share: examples to look at and to learn from, and comparing bit for bit.
#pragma once
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <ranges>
#include <string>
#include <vector>

#include <oxbow/core/random.hpp>
#include <oxbow/core/sample.hpp>
#include <oxbow/host/network.hpp>

namespace oxbow::testing {

/// Two runs of floats, NaNs and signs of zeros included.
template <std::ranges::contiguous_range A, std::ranges::contiguous_range B> bool same_bits(A const& a, B const& b) {
  static_assert(sizeof(*std::ranges::data(a)) == sizeof(*std::ranges::data(b)));
  auto const size = std::ranges::size(a);
  return size == std::ranges::size(b) &&
         (size == 0 || std::memcmp(std::ranges::data(a), std::ranges::data(b), size * sizeof(*std::ranges::data(a))) == 0);
}
inline bool same_bits(image<float> const& a, image<float> const& b) {
  return a.size == b.size && a.channels == b.channels && same_bits(a.data, b.data);
}

inline image<float> noise(extent size, int channels, std::uint32_t number) {
  image<float> x(size, channels);
  random_stream const r{11, purpose::example_data, number, 0};
  for (std::size_t i = 0; i < x.data.size(); ++i) x.data[i] = r.uniform(i, -1, 1);
  return x;
}

/// Something to learn: noise whose grey value, averaged over 3 × 3 pixels, decides the class. One pixel in eleven
/// is ignored.
inline sample example(extent size, int channels, int classes, std::uint32_t number) {
  sample s{noise(size, channels, number), label_image(size), image<float>(size)};
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x) {
      float sum = 0;
      int seen = 0;
      for (int v = y - 1; v <= y + 1; ++v)
        for (int u = x - 1; u <= x + 1; ++u)
          if (size.contains(0, v, u)) sum += s.input(v, u), ++seen;
      float const mean = sum / static_cast<float>(seen);
      int const label = mean < -0.1f ? 0 : mean < 0.1f ? 1 : 2;
      s.labels(y, x) = static_cast<std::uint8_t>((y * 7 + x * 3) % 11 == 0 ? ignored : label % classes);
      s.weights(y, x) = 0.5f + static_cast<float>((y + 2 * x) % 5) * 0.25f;
    }
  return s;
}

/// Biases, norms and running statistics take values that matter; weights stay He's.
template <class Net> void stir(Net& net) {
  random_stream const s{7, purpose::example_data};
  std::uint64_t n = 0;
  for (auto const& t : net.tensors())
    if (t.fan_in == 0)
      for (float& x : t.data) x = t.fill == 1 ? s.uniform(n++, .5f, 1.5f) : s.uniform(n++, -.3f, .3f);
}

template <class Net> std::vector<float> bits_of(Net const& net) {
  return {net.parameters().begin(), net.parameters().end()};
}

/// What somebody says when things go wrong; empty where nothing did.
template <class Exception, class Call> std::string message_of(Call&& call) {
  try {
    call();
  } catch (Exception const& e) {
    return e.what();
  }
  return {};
}
inline bool contains(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

/// A fresh folder that goes away with its owner.
struct fresh_folder {
  std::filesystem::path path;

  explicit fresh_folder(std::string const& topic)
      : path{std::filesystem::temp_directory_path() / ("oxbow-" + topic + "-" + std::to_string(::getpid()))} {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  fresh_folder(fresh_folder const&) = delete;
  fresh_folder& operator=(fresh_folder const&) = delete;
  ~fresh_folder() {
    std::error_code failure;
    std::filesystem::remove_all(path, failure);
  }
  std::filesystem::path operator/(std::string const& name) const { return path / name; }
};

}  // namespace oxbow::testing
