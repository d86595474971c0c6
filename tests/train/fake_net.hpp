// A network of one 3×3 convolution to three classes, written out plainly, with running statistics and
// noise like a dropout's: enough for training to go wrong in every way that it can.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <thread>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/random.hpp>
#include <oxbow/core/random_key.hpp>

namespace fake {

using namespace oxbow;

/// f(0) … f(n − 1) on some threads, in an order that is different at every call.
class shuffled_for {
 public:
  explicit shuffled_for(int threads) : threads_{threads} {}

  template <class F> void operator()(std::int64_t count, F&& f) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    random_stream const r{99, purpose::example_data, calls_++, 0};
    if (threads_ > 1)
      for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[r.below(i, static_cast<std::uint32_t>(i))]);
    std::vector<std::thread> team;
    for (int t = 0; t < threads_; ++t)
      team.emplace_back([&, t] {
        for (std::size_t i = static_cast<std::size_t>(t); i < order.size(); i += static_cast<std::size_t>(threads_))
          f(order[i]);
      });
    for (auto& one : team) one.join();
  }

 private:
  int threads_;
  std::uint32_t calls_ = 0;
};

struct facts {
  static constexpr int input_channels = 1, classes = 3, alignment = 1;
  static constexpr bool keeps_scale = true;
  static constexpr extent tile{1, 10, 8}, output{1, 8, 6}, halo{0, 1, 1};
};

class net {
 public:
  using model_type = facts;
  static constexpr int trainable = 3 * 10;

  explicit net(int threads = 1) : all_(trainable + 2, 0.f), gradients_(all_.size(), 0.f), run_{threads} {
    for (int i = 0; i < trainable; ++i) all_[static_cast<std::size_t>(i)] = 0.01f * static_cast<float>(i % 7 - 3);
  }

  std::span<float> parameters() { return all_; }
  std::span<float> gradients() { return gradients_; }
  std::int64_t trainable_count() const { return trainable; }
  std::uint64_t schema() const { return 0xfa4e; }
  void parameters_changed() { ++changes; }
  template <class F> void for_each(std::int64_t count, F&& f) { run_(count, f); }

  double loss_and_gradients(image_view<float const> x, image_view<std::uint8_t const> labels,
                            image_view<float const> weights, random_key key, bool accumulate) {
    random_stream const noise{key.seed, purpose::dropout, key.step, key.sample};
    int counted = 0;
    for (int i = 0; i < 48; ++i) counted += labels.data[i] != ignored;
    std::vector<double> row_loss(8, 0.), row_gradients(8 * trainable, 0.);
    run_(8, [&](std::int64_t row) {
      int const y = static_cast<int>(row);
      for (int u = 0; u < 6; ++u) {
        int const label = labels(y, u);
        if (label == ignored) continue;
        double z[3], sum = 0;
        double const gain = 1 + 0.5 * static_cast<double>(noise.uniform(static_cast<std::uint64_t>(y * 6 + u)));
        for (int k = 0; k < 3; ++k) {
          z[k] = static_cast<double>(weight(k, 9));
          for (int t = 0; t < 9; ++t) z[k] += gain * static_cast<double>(weight(k, t) * x(y + t / 3, u + t % 3));
          sum += std::exp(z[k]);
        }
        double const w = static_cast<double>(weights(y, u)) / counted;
        row_loss[static_cast<std::size_t>(y)] -= w * (z[label] - std::log(sum));
        for (int k = 0; k < 3; ++k) {
          double const d = w * (std::exp(z[k]) / sum - (k == label));
          double* const g = &row_gradients[static_cast<std::size_t>(y * trainable + k * 10)];
          for (int t = 0; t < 9; ++t) g[t] += d * gain * static_cast<double>(x(y + t / 3, u + t % 3));
          g[9] += d;
        }
      }
    });
    for (std::size_t i = 0; i < trainable; ++i) {
      double sum = accumulate ? static_cast<double>(gradients_[i]) : 0;
      for (std::size_t y = 0; y < 8; ++y) sum += row_gradients[y * trainable + i];
      gradients_[i] = static_cast<float>(sum);
    }
    for (float& s : std::span(all_).subspan(trainable)) s = 0.9f * s + 0.1f * x.data[11];  // like running statistics
    double loss = std::accumulate(row_loss.begin(), row_loss.end(), 0.);
    if (spoil) spoil(key, loss, gradients_);
    return loss;
  }

  int changes = 0;
  std::function<void(random_key, double&, std::vector<float>&)> spoil;  ///< makes what training must notice

 private:
  float weight(int k, int tap) const { return all_[static_cast<std::size_t>(k * 10 + tap)]; }

  std::vector<float> all_, gradients_;
  shuffled_for run_;
};

/// Two noisy images of different sizes whose class can be told from the grey value, smaller and larger than a tile.
inline image<float> picture(extent size, std::uint32_t number) {
  image<float> x(size);
  random_stream const r{4, purpose::example_data, number, 1};
  for (std::size_t i = 0; i < x.data.size(); ++i) x.data[i] = r.uniform(i, -1, 1);
  return x;
}
inline label_image truth(image<float> const& x) {
  label_image l(x.size);
  for (std::size_t i = 0; i < x.data.size(); ++i)
    l.data[i] = static_cast<std::uint8_t>(i % 11 == 3 ? ignored : x.data[i] < -0.3f ? 0 : x.data[i] < 0.3f ? 1 : 2);
  return l;
}

}  // namespace fake
