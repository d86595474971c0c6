// A training run that both back ends make: the host's in a file of its own, for the compiler that the host is for.
#pragma once
#include <vector>

#include <oxbow/core/random.hpp>
#include <oxbow/lower/model.hpp>
#include <oxbow/train/loop.hpp>

namespace oxbow::testing {

using trained = model<seq<level<seq<conv<8, 3, pad::zero>, batch_norm, relu>,
                                seq<max_pool<2>, conv<12, 3, pad::zero>, relu, dropout<.3f>, up_conv<8>>,
                                seq<conv<8, 3, pad::zero>, relu>>,
                          conv<3, 1>>,
                      tile<16, 20>>;

/// Noise whose grey value, averaged over 3 × 3 pixels, decides the class; a few pixels are ignored.
inline samples lessons() {
  std::vector<sample> all;
  for (std::uint32_t k = 0; k < 3; ++k) {
    extent const size{1, 29 + static_cast<int>(k), 33};
    sample s{image<float>(size), label_image(size), image<float>(size)};
    random_stream const r{11, purpose::example_data, k, 0};
    for (std::size_t i = 0; i < s.input.data.size(); ++i) s.input.data[i] = r.uniform(i, -1, 1);
    for (int y = 0; y < size.height; ++y)
      for (int x = 0; x < size.width; ++x) {
        float sum = 0;
        for (int v = y - 1; v <= y + 1; ++v)
          for (int u = x - 1; u <= x + 1; ++u)
            if (size.contains(0, v, u)) sum += s.input(v, u);
        s.labels(y, x) = static_cast<std::uint8_t>((y * 7 + x * 3) % 11 == 0 ? ignored
                                                   : sum < -.9f              ? 0
                                                   : sum < .9f               ? 1
                                                                             : 2);
        s.weights(y, x) = .5f + static_cast<float>((y + 2 * x) % 5) * .25f;
      }
    all.push_back(std::move(s));
  }
  return samples{std::move(all)};
}

inline training_options how_to_train(std::int64_t steps) {
  return {.optimizer = sgd{.rate = .05f, .momentum = .9f}, .steps = steps, .batch = 2, .clip = 4, .seed = 77};
}

/// The host's run.
struct run_of_host {
  std::vector<float> losses, parameters;
};
run_of_host train_on_host(std::int64_t steps);

}  // namespace oxbow::testing
