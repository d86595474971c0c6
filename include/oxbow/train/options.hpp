// How to train, in named fields with sensible defaults.
#pragma once
#include <cmath>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <oxbow/train/augmentation.hpp>
#include <oxbow/train/checkpoint_store.hpp>
#include <oxbow/train/csv_log.hpp>
#include <oxbow/train/optimizer.hpp>
#include <oxbow/train/progress.hpp>
#include <oxbow/train/report.hpp>
#include <oxbow/train/schedule.hpp>
#include <oxbow/train/validation.hpp>

namespace oxbow {

/// Called after every step, before its checkpoint. Any callable that takes a step_report; one that
/// returns after_step::stop ends training, one that returns nothing never does.
class callback {
 public:
  template <std::invocable<step_report const&> F> callback(F f)
      : call_{[f = std::move(f)](step_report const& r) mutable {
          if constexpr (std::is_void_v<std::invoke_result_t<F&, step_report const&>>) {
            f(r);
            return after_step::go_on;
          } else {
            return f(r);
          }
        }} {}
  after_step operator()(step_report const& r) const { return call_(r); }

 private:
  std::function<after_step(step_report const&)> call_;
};

/// train(net, data, {.optimizer = sgd{.rate = 1e-3f, .momentum = .99f}, .steps = 20'000}). Fields are
/// named in this order.
struct training_options {
  any_optimizer optimizer = sgd{};
  rate_schedule schedule = constant{};
  augmentation augment = {};
  std::int64_t steps = 1000;                              ///< of the whole run, those before a resume included
  int batch = 1;                                          ///< tiles per step; their gradients are averaged
  double clip = std::numeric_limits<double>::infinity();  ///< longest gradient
  std::vector<float> class_weights = {};                  ///< one per class, or empty
  tile_sampling sampling = tile_sampling::pixels;         ///< or every class equally often in the middle of a tile
  std::optional<validation> validate = {};                ///< a score now and then, and an early stop
  std::vector<callback> callbacks = {};
  checkpoint_store checkpoints = {};
  std::int64_t checkpoint_every = 1000;  ///< steps; the last step has one in any case
  bool resume = true;                    ///< go on from the newest checkpoint, if there is one
  std::optional<csv_log> log = {};
  std::optional<progress_bar> progress = {};
  std::uint64_t seed = 1;  ///< of tiles, augmentation and dropout; initial weights are the network's matter
};

namespace detail {

inline void check_options(training_options const& o, double rate) {
  auto const fail = [](char const* field, auto given, char const* rule) {
    throw std::invalid_argument(std::string("train: options.") + field + " is " + std::to_string(given) +
                                "; it must be " + rule + ".");
  };
  if (o.steps < 0 || o.steps >= std::int64_t{1} << 32) fail("steps", o.steps, "from 0 to 2^32 - 1");
  if (o.batch < 1 || o.batch >= 1 << 16) fail("batch", o.batch, "from 1 to 65535");
  if (!(o.clip > 0)) fail("clip", o.clip, "above 0, or infinite for no clipping");
  if (o.validate && o.validate->every < 1) fail("validate.every", o.validate->every, "at least 1");
  if (o.validate && o.validate->patience < 0) fail("validate.patience", o.validate->patience, "at least 0");
  if (o.validate && !o.validate->score)
    throw std::invalid_argument("train: options.validate has no score; give it a function that scores the network.");
  if (o.checkpoint_every < 1) fail("checkpoint_every", o.checkpoint_every, "at least 1");
  if (!o.schedule) throw std::invalid_argument("train: options.schedule is empty; leave it out for a constant rate.");
  if (!std::isfinite(rate)) fail("optimizer.rate", rate, "finite");
}

}  // namespace detail

}  // namespace oxbow
