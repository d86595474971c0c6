// Where the gradients of a run go, and where the momentum is that they may be added to.
#pragma once
#include <cstdint>
#include <stdexcept>

namespace oxbow::on_cuda {

/// See gradient_writer; elements from the place of a gradient.
struct gradients_go {
  bool add = false;
  float momentum = 0;
  std::int64_t from = 0, to = 0;
};

/// The momentum is at home in the optimizer's buffer; after every other step that gathers it, it is in the gradients'
/// memory, for the two take turns.
class momentum_turns {
 public:
  /// The next run adds its gradients to `momentum` times that of the step before.
  void gather(float momentum) { gathers_ = momentum; }
  bool is_home() const { return home_; }
  void is_brought_home() { home_ = true; }
  /// Where the next run's gradients go. home: elements from the gradients to the optimizer's buffer
  gradients_go next(bool accumulate, std::int64_t home) {
    if (gathers_ != 0 && accumulate) throw std::logic_error("gather_momentum: a step of one tile.");
    if (gathers_ == 0) last_ = {.add = accumulate};
    else last_ = {.momentum = gathers_, .from = home_ ? home : 0, .to = home_ ? 0 : home};
    return last_;
  }
  bool gathers() const { return gathers_ != 0; }
  /// Where those of the last run are.
  gradients_go const& last() const { return last_; }
  /// The step has been taken, or left out.
  void end_step(bool taken) {
    if (taken) home_ = !home_;
    gathers_ = 0;
  }

 private:
  float gathers_ = 0;
  bool home_ = true;
  gradients_go last_{};
};

}  // namespace oxbow::on_cuda
