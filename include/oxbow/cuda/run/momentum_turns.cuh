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
  /// Until the step is taken, runs add their gradient to `momentum` times that of the step before.
  void gather(float momentum) { gathers_ = momentum; }
  bool gathers() const { return gathers_ != 0; }
  bool is_home() const { return home_; }
  void is_brought_home() { home_ = true; }
  /// Where the next run's gradients go. home: elements from the gradients to the optimizer's buffer
  gradients_go next(bool accumulate, std::int64_t home) {
    if (gathers() && accumulate)
      throw std::logic_error("loss_and_gradients: after gather_momentum a step has one tile; its gradient cannot be "
                             "added to another's. Call update() without gather_momentum for a step of several.");
    last_ = gathers() ? gradients_go{.momentum = gathers_, .from = home_ ? home : 0, .to = home_ ? 0 : home}
                      : gradients_go{.add = accumulate};
    waits_ = gathers();
    return last_;
  }
  /// Where those of the last run are.
  gradients_go const& last() const { return last_; }
  // For a step that is to be taken; throw std::logic_error.
  void require_apart() const {
    if (last_.momentum != 0)
      throw std::logic_error("update: the gradient went into the momentum, by gather_momentum. Call "
                             "update_with_momentum, once, for this step.");
  }
  void require_together() const {
    if (!waits_)
      throw std::logic_error("update_with_momentum: no gradient has gone into the momentum since the last step. Call "
                             "gather_momentum before the step's tile, or update().");
  }
  /// The step has been taken, or left out.
  void end_step(bool taken) {
    if (taken) home_ = !home_;
    gathers_ = 0, waits_ = false;
  }

 private:
  float gathers_ = 0;
  bool home_ = true, waits_ = false;  ///< a gradient has been added, and the step is still to be taken
  gradients_go last_{};
};

}  // namespace oxbow::on_cuda
