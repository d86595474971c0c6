// What experiments have in common: what they ask, a network that learns and sees, and a run that ends with its best.
// Which back end it is for is the program's to include.
#pragma once
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <oxbow/io.hpp>
#include <oxbow/lower/model.hpp>
#include <oxbow/lower/network.hpp>
#include <oxbow/predict/average.hpp>
#include <oxbow/predict/predict.hpp>
#include <oxbow/train/loop.hpp>
#include <oxbow/train/progress.hpp>

#include "report.hpp"

namespace support {

/// What every training asks.
struct run_settings {
  std::filesystem::path images, labels, out;
  int threads = 0;
  bool resume = false;
  std::uint64_t seed = 1;

  void ask(CLI::App& app) {
    app.add_option("--out", out, "folder for page, weights, scores and checkpoints")->capture_default_str();
    app.add_option("--threads", threads, "0: one for each core")->check(CLI::NonNegativeNumber)->capture_default_str();
    app.add_option("--seed", seed, "of all that is random")->capture_default_str();
    app.add_flag("--resume", resume, "go on from the newest checkpoint in the out folder");
  }

  /// The same of training: checkpoints, a log, a progress bar.
  void put_into(oxbow::training_options& options) const {
    options.checkpoints = oxbow::checkpoints{out / "checkpoints"};
    options.resume = resume;
    options.log = oxbow::csv_log{out / "loss.csv"};
    options.progress = oxbow::progress_bar{};
    options.seed = seed;
  }
};

/// What an experiment asks besides: it is scored every epoch.
struct experiment_settings : run_settings {
  std::int64_t steps = 1000, epoch = 100;
  int patience = 0;
  float rate = 1e-3f;
  std::string views = "none";
  bool no_elastic = false;

  void ask(CLI::App& app) {
    run_settings::ask(app);
    app.add_option("--steps", steps, "tiles to learn from")->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--epoch", epoch, "steps between scores")->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--patience", patience, "stop after so many epochs without a better score; 0: never");
    app.add_option("--rate", rate, "learning rate")->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--views", views, "average the final prediction over rotations and mirrors")
        ->check(CLI::IsMember({"none", "square", "seven"}))
        ->capture_default_str();
    app.add_flag("--no-elastic", no_elastic, "ablation: without elastic deformation");
  }
};

/// One network with two tiles: it learns with small ones, for much variety in little time, and sees with large ones,
/// of which the margin is a small part.
template <class Learner, class Seer, class Backend> class pupil {
  static_assert(Learner::schema == Seer::schema, "pupil: both must be the same network.");

 public:
  oxbow::network<Learner, Backend> net;

  explicit pupil(run_settings const& s)
      : net{with_threads(s.threads), oxbow::seed{s.seed}}, eye_{with_threads(s.threads)} {}

  /// The network that sees, as much as has been learned by now.
  auto& eye() {
    std::ranges::copy(std::as_const(net).parameters(), eye_.parameters().begin());
    return eye_;
  }

 private:
  static Backend with_threads(int threads) {
    Backend where;
    where.threads = threads;
    return where;
  }

  oxbow::network<Seer, Backend> eye_;
};

/// One channel of several.
inline oxbow::image<float> channel(oxbow::image<float> const& from, int c) {
  oxbow::image<float> made(from.size);
  for (std::size_t i = 0; i < made.data.size(); ++i)
    made.data[i] = from.data[i * static_cast<std::size_t>(from.channels) + static_cast<std::size_t>(c)];
  return made;
}

/// The probability of class 1, averaged over the views that have this name.
template <class Net>
oxbow::image<float> see(Net& net, oxbow::image<float> const& grey, oxbow::normalisation by = oxbow::as_is,
                        std::string const& views = "none") {
  oxbow::predict_options const how{.normalise = by};
  if (views == "none") return channel(predict(net, grey, how), 1);
  auto const turned = views == "square" ? oxbow::square_symmetries() : oxbow::seven_rotations();
  return channel(predict_average(net, grey, turned, how), 1);
}

/// Trains by the recipe. score(step) is asked every epoch, the higher the better; the network that had the best score
/// is the one that remains, or the last one where no score was a number.
template <class Pupil, class Score>
oxbow::training_summary learn(Pupil& p, oxbow::samples const& data, experiment_settings const& s,
                              oxbow::training_options recipe, Score score) {
  std::int64_t step = 0;
  s.put_into(recipe);
  recipe.steps = s.steps;
  recipe.checkpoint_every = s.epoch;
  recipe.callbacks.push_back([&](oxbow::step_report const& r) { step = r.step + 1; });
  oxbow::checkpoints const best{s.out / "best", 1};
  recipe.validate = oxbow::validation{
      .every = s.epoch, .score = [&] { return score(step); }, .patience = s.patience, .best = best};
  auto const done = train(p.net, data, recipe);
  if (done.best)
    if (auto const saved = best.load_newest()) load_parameters(p.net, *saved);
  save_weights(p.net, s.out / "weights.safetensors");
  return done;
}

/// The loss of every step.
inline void show_losses(page& report, oxbow::training_summary const& done) {
  if (done.losses.empty()) return;
  std::vector<double> steps, losses;
  for (std::size_t i = 0; i < done.losses.size(); ++i) {
    steps.push_back(static_cast<double>(done.first_step) + static_cast<double>(i) + 1);
    losses.push_back(static_cast<double>(done.losses[i]));
  }
  report.curve("loss of each step, and its mean over a twentieth of the run", std::move(steps), std::move(losses));
}

/// Writes the page into the folder of the run, and says where it is.
inline void save_page(page const& report, run_settings const& s) {
  auto const path = s.out / "report.html";
  report.save(path);
  std::printf("The page: %s\n", std::filesystem::absolute(path).lexically_normal().c_str());
}

}  // namespace support
