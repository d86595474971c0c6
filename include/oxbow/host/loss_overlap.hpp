// The sums over a tile that a region's loss is a function of.
#pragma once
#include <cmath>
#include <cstddef>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/host/reduce.hpp>
#include <oxbow/lower/plan.hpp>

namespace oxbow::on_host {

/// sums[3·k …] = Σ weight · s[k] · [k = label], Σ weight · s[k] and Σ weight · [k = label] over the labelled pixels,
/// with s the softmax of the logits; see ops/loss.hpp. In double, in an order that does not depend on the threads.
/// shapes  logits: classes × size; labels (bytes) and weights (floats): stored tensors of one channel
inline void loss_overlap(thread_pool& pool, joined const& logits, operand const& labels, operand const& weights,
                         std::byte const* arena, extent size, int classes, float* sums) {
  int const blocks = layout::blocks(classes), parts = detail::parts_of(size);
  auto const count = static_cast<std::size_t>(3 * classes);
  std::vector<double> made(count * static_cast<std::size_t>(parts), 0.);
  auto const* const weight = reinterpret_cast<float const*>(arena + weights.offset);
  pool.run(parts, [&](int, std::int64_t part) {
    double* const to = made.data() + count * static_cast<std::size_t>(part);
    std::vector<detail::block_patch> memory(static_cast<std::size_t>(blocks));
    std::vector<patch> x(memory.size());
    std::vector<float> share(static_cast<std::size_t>(classes));
    detail::for_each_box(size, static_cast<int>(part), parts, [&](box const& where) {
      for (int b = 0; b < blocks; ++b)
        x[static_cast<std::size_t>(b)] =
            memory[static_cast<std::size_t>(b)].gather_from(logits, arena, where, b, classes);
      for (int v = 0; v < where.size.height; ++v)
        for (int u = 0; u < where.size.width; ++u) {
          int const z = where.origin.depth, y = where.origin.height + v, w = where.origin.width + u;
          int const label = static_cast<int>(arena[labels.offset + labels.size.index(z, y, w)]);
          if (label == ignored) continue;
          auto const logit = [&](int k) {
            return x[static_cast<std::size_t>(k / layout::block)].at(0, 0, v, u)[k % layout::block];
          };
          float most = logit(0), sum = 0;
          for (int k = 1; k < classes; ++k) most = logit(k) > most ? logit(k) : most;
          for (int k = 0; k < classes; ++k) sum += share[static_cast<std::size_t>(k)] = std::exp(logit(k) - most);
          double const by = static_cast<double>(weight[weights.size.index(z, y, w)]);
          for (int k = 0; k < classes; ++k) {
            double const s = by * static_cast<double>(share[static_cast<std::size_t>(k)]) / static_cast<double>(sum);
            to[3 * k] += k == label ? s : 0, to[3 * k + 1] += s, to[3 * k + 2] += k == label ? by : 0;
          }
        }
    });
  });
  for (std::size_t i = 0; i < count; ++i) {
    double total = 0;
    for (std::size_t part = 0; part < static_cast<std::size_t>(parts); ++part) total += made[part * count + i];
    sums[i] = static_cast<float>(total);
  }
}

}  // namespace oxbow::on_host
