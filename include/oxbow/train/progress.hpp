// How far training is, for somebody who watches.
#pragma once
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include <oxbow/train/report.hpp>

namespace oxbow {

/// What to show: a bar that is redrawn in place on a terminal, a plain line every `percent` of the
/// steps anywhere else (a file, a pipe, a CI log).
struct progress_bar {
  std::FILE* out = stderr;
  int percent = 5;
};

namespace detail {

/// "59 s", "12:34", "1:02:03"
inline std::string duration_text(double seconds) {
  auto const s = static_cast<long long>(seconds + 0.5);
  if (s < 60) return std::to_string(s) + " s";
  auto const two = [](long long n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  if (s < 3600) return std::to_string(s / 60) + ":" + two(s % 60);
  return std::to_string(s / 3600) + ":" + two(s / 60 % 60) + ":" + two(s % 60);
}

/// "loss 0.1234, 2.35 steps/s, 12:34 left", with the pace of this run's steps alone.
inline std::string pace_text(step_report const& r, std::int64_t first_step) {
  double const done = static_cast<double>(r.step + 1 - first_step);
  double const pace = r.seconds > 0 ? done / r.seconds : 0;
  char text[96];
  std::snprintf(text, sizeof text, "loss %.4g, %.3g steps/s", r.average_loss, pace);
  auto const left = static_cast<double>(r.steps - r.step - 1);
  return text + (pace > 0 ? ", " + duration_text(left / pace) + " left" : std::string{});
}

class progress_display {
 public:
  progress_display(progress_bar settings, std::int64_t first_step)
      : settings_{settings}, first_step_{first_step}, terminal_{isatty(fileno(settings.out)) == 1} {}
  progress_display(progress_display const&) = delete;
  progress_display& operator=(progress_display const&) = delete;
  ~progress_display() { finish(); }

  void show(step_report const& r) {
    bool const last = r.step + 1 == r.steps;
    std::string const counts = std::to_string(r.step + 1) + "/" + std::to_string(r.steps);
    if (terminal_) {
      // Ten times a second is as fast as an eye follows; more would cost time.
      if (!last && drawn_ && r.seconds - shown_at_ < 0.1) return;
      constexpr int width = 20;
      auto const full = static_cast<std::size_t>(width * (r.step + 1) / r.steps);
      std::string const bar = std::string(full, '#') + std::string(width - full, '.');
      // \x1b[K clears what a longer line left behind.
      std::fprintf(settings_.out, "\r[%s] %s  %s\x1b[K", bar.c_str(), counts.c_str(),
                   pace_text(r, first_step_).c_str());
      shown_at_ = r.seconds;
      drawn_ = true;
    } else {
      std::int64_t const share = settings_.percent > 0 ? 100 * (r.step + 1) / r.steps / settings_.percent : 0;
      if (!last && share <= shown_share_) return;
      shown_share_ = share;
      std::fprintf(settings_.out, "step %s (%d %%): %s\n", counts.c_str(),
                   static_cast<int>(100 * (r.step + 1) / r.steps), pace_text(r, first_step_).c_str());
    }
    std::fflush(settings_.out);
  }

  /// Leaves the last bar standing; what is printed next begins on a line of its own.
  void finish() {
    if (drawn_) std::fputc('\n', settings_.out), std::fflush(settings_.out);
    drawn_ = false;
  }

 private:
  progress_bar settings_;
  std::int64_t first_step_;
  bool terminal_;
  bool drawn_ = false;
  double shown_at_ = 0;
  std::int64_t shown_share_ = 0;
};

}  // namespace detail

}  // namespace oxbow
