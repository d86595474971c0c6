// How the learning rate changes during training.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>

namespace oxbow {

/// Any callable (step, steps in all) → factor of the rate; step counts from 0. A pure function, so
/// that a resumed run goes on with the same rates.
using rate_schedule = std::function<double(std::int64_t step, std::int64_t steps)>;

namespace detail {

/// Grows linearly: 1/n at step 0, 1 from step n − 1 on.
constexpr double warmed(std::int64_t step, std::int64_t warm_up) {
  return step >= warm_up ? 1. : static_cast<double>(step + 1) / static_cast<double>(warm_up);
}

/// The share of the way from the end of the warm-up to the last step, 0 … 1.
constexpr double progressed(std::int64_t step, std::int64_t steps, std::int64_t warm_up) {
  if (steps <= warm_up) return 0;
  return static_cast<double>(std::clamp<std::int64_t>(step - warm_up, 0, steps - warm_up)) /
         static_cast<double>(steps - warm_up);
}

}  // namespace detail

/// 1, always.
struct constant {
  std::int64_t warm_up = 0;
  constexpr double operator()(std::int64_t step, std::int64_t) const { return detail::warmed(step, warm_up); }
};

/// Multiplied by `factor` after every `every` steps.
struct step_decay {
  std::int64_t every = 10'000;
  double factor = 0.1;
  std::int64_t warm_up = 0;
  double operator()(std::int64_t step, std::int64_t) const {
    return detail::warmed(step, warm_up) *
           std::pow(factor, static_cast<double>(step / std::max<std::int64_t>(1, every)));
  }
};

/// (1 − t)^power, with t from 0 to 1 over the run.
struct poly {
  double power = 0.9;
  std::int64_t warm_up = 0;
  double operator()(std::int64_t step, std::int64_t steps) const {
    return detail::warmed(step, warm_up) * std::pow(1 - detail::progressed(step, steps, warm_up), power);
  }
};

/// From 1 down to `floor` along half a cosine.
/// source  Loshchilov and Hutter 2017, SGDR, equation 5, without restarts
struct cosine {
  double floor = 0;
  std::int64_t warm_up = 0;
  double operator()(std::int64_t step, std::int64_t steps) const {
    double const t = detail::progressed(step, steps, warm_up);
    return detail::warmed(step, warm_up) * (floor + (1 - floor) * (1 + std::cos(3.14159265358979323846 * t)) / 2);
  }
};

}  // namespace oxbow
