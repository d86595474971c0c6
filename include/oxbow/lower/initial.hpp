// The parameters that training begins with.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include <oxbow/core/random.hpp>
#include <oxbow/core/serial.hpp>

namespace oxbow {

/// How one tensor of the parameter arena begins.
struct initial_tensor {
  std::int64_t offset = 0, count = 0;  ///< elements of the arena
  std::int64_t fan_in = 0;             ///< inputs that one output sums up; 0: all elements begin as `fill`
  float fill = 0;                      ///< 0 for a bias, 1 for the scale of a norm
};

/// Weights ~ normal, mean 0, deviation √(2/N), where N is the fan-in, so that ReLU layers keep the
/// variance of their input; everything else gets its fill. The numbers of the k-th tensor are a
/// stream of their own: they depend on the seed, k and the element, not on who runs this.
/// source  He et al. 2015, equation 10; Ronneberger et al. 2015, section 3 (3×3 on 64 channels: N = 576).
///         An up-convolution whose stride is its window has N = its input channels.
template <class Tensors, class ForEach = serial_for>
void he_initialise(std::span<float> parameters, Tensors const& tensors, std::uint64_t seed, ForEach&& for_each = {}) {
  constexpr std::int64_t block = 4096;
  std::uint32_t number = 0;
  for (auto const& t : tensors) {
    random_stream const stream{seed, purpose::initial_weights, number++, 0};
    float* const first = parameters.data() + t.offset;
    auto const deviation = static_cast<float>(t.fan_in > 0 ? std::sqrt(2. / static_cast<double>(t.fan_in)) : 0.);
    for_each((t.count + block - 1) / block, [&](std::int64_t part) {
      std::int64_t const end = (part + 1) * block < t.count ? (part + 1) * block : t.count;
      constexpr int at_once = 16;
      for (std::int64_t i = part * block; i < end; i += at_once) {
        lanes<float, at_once> normal{};
        if (t.fan_in > 0) normal = stream.normals<at_once>(static_cast<std::uint64_t>(i), 1);
        for (std::int64_t k = 0; k < at_once && i + k < end; ++k)
          first[i + k] = t.fan_in > 0 ? deviation * normal[static_cast<int>(k)] : t.fill;
      }
    });
  }
}

/// The same for a network that lists its tensors.
template <class Net>
requires requires(Net& net) { net.parameters(), net.tensors(); }
void he_initialise(Net& net, std::uint64_t seed) {
  he_initialise(net.parameters(), net.tensors(), seed, [&](std::int64_t count, auto&& f) { net.for_each(count, f); });
}

}  // namespace oxbow
