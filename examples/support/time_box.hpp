// Training for so many seconds, to a good end: the rate falls with the time, and time ends the run.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>

#include <oxbow/train/report.hpp>
#include <oxbow/train/schedule.hpp>

namespace support {

/// Begins when it is made. A run in a box depends on the machine's pace; one with a fixed number of steps does not.
class time_box {
 public:
  explicit time_box(double seconds) : seconds_{seconds} {}

  /// How much of the time is gone, from 0; above 1 when it is over.
  double share() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count() / seconds_;
  }

  /// The cosine over the steps, or over the time where that is further on: the rate has fallen when the first ends.
  double operator()(std::int64_t step, std::int64_t steps) const {
    auto const by_time = static_cast<std::int64_t>(std::min(1., share()) * static_cast<double>(steps));
    return oxbow::cosine{.warm_up = 20}(step < 20 ? step : std::max(step, by_time), steps);
  }

  oxbow::after_step operator()(oxbow::step_report const&) const {
    return share() < 1 ? oxbow::after_step::go_on : oxbow::after_step::stop;
  }

 private:
  double seconds_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace support
