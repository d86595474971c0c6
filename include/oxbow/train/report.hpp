// What is known of a training run while it runs and when it ends.
#pragma once
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <oxbow/core/wording.hpp>
#include <oxbow/train/tile_choice.hpp>

namespace oxbow {

/// One step that has been done.
struct step_report {
  std::int64_t step = 0;     ///< its number, from 0
  std::int64_t steps = 0;    ///< of the whole run
  double loss = 0;           ///< mean over the batch
  double average_loss = 0;   ///< exponential average over about 50 steps
  double rate = 0;           ///< learning rate of this step
  double gradient_norm = 0;  ///< before clipping
  double seconds = 0;        ///< since this call of train began
};

/// A callback's verdict.
enum class after_step { go_on, stop };

/// What a validation found.
struct validation_score {
  std::int64_t steps = 0;  ///< completed at that time
  double score = 0;
};

/// What a call of train did.
struct training_summary {
  std::int64_t first_step = 0;  ///< steps that were done before: 0, or those of the checkpoint
  std::int64_t steps = 0;       ///< steps completed altogether
  bool stopped = false;         ///< before options.steps, by a callback or the validation
  double seconds = 0;
  double average_loss = 0;
  std::vector<float> losses = {};  ///< of the steps of this call
  std::vector<validation_score> scores = {};  ///< of the validations of this call
  std::optional<validation_score> best = {};  ///< of the whole run
};

/// Training came upon a loss, gradient or parameter that is infinite or not a number. If it was a loss
/// or gradient, the parameters are those before the step.
class training_diverged : public std::runtime_error {
 public:
  training_diverged(std::string const& what, std::int64_t step, std::vector<chosen_tile> tiles,
                    std::string const& checkpoint)
      : std::runtime_error{sentence(what, step, tiles, checkpoint)},
        step{step},
        tiles{std::move(tiles)},
        checkpoint{checkpoint} {}

  std::int64_t step;               ///< its number, from 0
  std::vector<chosen_tile> tiles;  ///< of the batch that are suspect
  std::string checkpoint;          ///< the last good one; empty where there is none

 private:
  static std::string sentence(std::string const& what, std::int64_t step, std::vector<chosen_tile> const& tiles,
                              std::string const& checkpoint) {
    std::string text = "train: " + what + " at step " + std::to_string(step);
    char const* before = " (";
    for (chosen_tile const& t : tiles) {
      text += before + detail::sample_text(t.sample) + ", tile at " +
              place_text(t.corner.depth, t.corner.height, t.corner.width);
      before = "; ";
    }
    text += tiles.empty() ? "; " : "); ";
    text += checkpoint.empty() ? "there is no checkpoint yet" : "the last good checkpoint is " + checkpoint;
    return text + ". Lower the rate, clip the gradient, or look at that sample.";
  }
};

}  // namespace oxbow
