// The paper's first experiment for any network on any back end: membranes in slices of electron microscopy, learned
// with elastic deformations and border weights, and scored as the ISBI 2012 challenge does, every epoch, on slices that
// are held out.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <oxbow/augment/blur.hpp>
#include <oxbow/augment/elastic.hpp>
#include <oxbow/augment/grey.hpp>
#include <oxbow/augment/rigid.hpp>
#include <oxbow/metrics/membranes.hpp>
#include <oxbow/objects/border_weights.hpp>
#include <oxbow/objects/thinning.hpp>

#include "experiment.hpp"
#include "folder.hpp"
#include "map_in_order.hpp"
#include "membrane_table.hpp"
#include "pictures.hpp"
#include "program.hpp"

namespace support {

struct membrane_settings : experiment_settings {
  std::vector<std::string> held_out;
  std::string optimizer = "sgd";
  bool no_weights = false, in_order = false;
  std::filesystem::path given;

  void ask(CLI::App& app) {
    out = "em_membranes", steps = 20'000, epoch = 500;
    app.add_option("--images", images, "folder of PNG or TIFF images, or a TIFF stack")->required();
    app.add_option("--labels", labels, "the same of their labels: 0 membrane, 1 or 255 interior")->required();
    app.add_option("--holdout", held_out, "slices to test on, by name or number from 0; every fifth if not said")
        ->delimiter(',');
    app.add_option("--optimizer", optimizer, "sgd: the paper's, momentum .99; or adam")
        ->check(CLI::IsMember({"sgd", "adam"}))
        ->capture_default_str();
    app.add_flag("--no-weights", no_weights, "ablation: without border weights and class balance");
    app.add_option("--network", given, "do not train: score the network of this file of weights");
    app.add_flag("--in-order", in_order,
                 "in the end, score the maps with closed borders and without doubtful regions besides");
    experiment_settings::ask(app);
  }
};

inline oxbow::training_options membrane_recipe(membrane_settings const& s) {
  oxbow::any_optimizer how = oxbow::sgd{.rate = s.rate, .momentum = 0.99f};
  if (s.optimizer == "adam") how = oxbow::adam{.rate = s.rate};
  auto const rigid = oxbow::rotate{} | oxbow::mirror{} | oxbow::shift{.pixels = 16};
  auto const light = oxbow::grey{.black = -2, .white = 2} | oxbow::blur{.probability = 0.25f};
  return {.optimizer = how,
          .schedule = oxbow::cosine{.warm_up = 100},
          .augment = s.no_elastic ? oxbow::augmentation(rigid | light)
                                  : oxbow::augmentation(oxbow::elastic{} | rigid | light),
          .clip = 1};
}

/// The best scores of every epoch: on the terminal, in scores.csv, and for the page's curves.
class score_book {
 public:
  explicit score_book(membrane_settings const& s)
      : path_{s.out / "scores.csv"}, file_{std::fopen(path_.c_str(), s.resume ? "a" : "w")} {
    if (!file_) throw std::runtime_error(path_.string() + " cannot be opened for writing.");
    if (std::ftell(file_.get()) > 0) return;
    std::fputs("step", file_.get());
    for (auto const& c : membrane_columns) std::fprintf(file_.get(), ",%s", c.name);
    std::fputs("\n", file_.get());
  }

  void add(std::int64_t step, oxbow::membrane_scores const& best) {
    steps_.push_back(static_cast<double>(step));
    scores_.push_back(best);
    std::fprintf(file_.get(), "%lld", static_cast<long long>(step));
    for (auto const& c : membrane_columns) std::fprintf(file_.get(), ",%.8f", best.*c.score);
    std::fputs("\n", file_.get());
    std::fflush(file_.get());
    std::printf("step %lld: V_Rand %.4f, V_Info %.4f, warping error %.6f, pixel error %.4f\n",
                static_cast<long long>(step), best.v_rand, best.v_info, best.warping_error, best.pixel_error);
    std::fflush(stdout);  // whoever watches a file of a long run sees it at once
  }

  void show(page& to, std::vector<std::string> const& columns) const {
    if (steps_.empty()) return;
    std::vector<series> lines;
    for (auto const& c : membrane_columns) {
      if (std::ranges::find(columns, c.title) == columns.end()) continue;
      series line{c.title, steps_, {}};
      for (auto const& scores : scores_) line.y.push_back(scores.*c.score);
      lines.push_back(std::move(line));
    }
    to.curve(lines, "step");
  }

 private:
  struct closing {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, closing> file_;
  std::vector<double> steps_;
  std::vector<oxbow::membrane_scores> scores_;
};

inline void show_slice(page& to, std::string const& name, oxbow::image<float> const& grey,
                       oxbow::label_image const& truth, oxbow::image<float> const& interior, double warped_at) {
  oxbow::label_image taken(truth.size);
  for (std::size_t k = 0; k < taken.data.size(); ++k) taken.data[k] = interior.data[k] > 0.5f;
  auto const [low, high] = std::minmax_element(grey.data.begin(), grey.data.end());
  auto const picture = grey_picture(grey, *low, *high > *low ? *high : *low + 1);
  auto const wrong = show_errors(picture, truth, taken, 0);
  to.heading(name);
  to.row({{"Image", picture},
          {"Truth", class_picture(truth, 2)},
          {"Probability of interior", grey_picture(interior)},
          {"Errors", wrong.picture, oxbow::grouped(wrong.invented + wrong.missed) + " pixels at threshold .5"},
          {"Regions", object_picture(oxbow::thin_borders(std::as_const(taken).view())), "after thinning"},
          {"Cut and joined", cut_picture(picture, truth, interior, warped_at),
           "what the warping error counts, at threshold " + oxbow::decimal(warped_at, 1)}},
         {{"membrane where there is none", error_picture::invented_colour},
          {"membrane missed", error_picture::missed_colour}});
}

/// The experiment with a network that sees a slice of 512 × 512 in one tile.
template <class Network, class Backend> void run_membranes(membrane_settings const& s) {
  using learner = oxbow::model<Network, oxbow::tile<444, 444>>;
  using seer = oxbow::model<Network, oxbow::tile<700, 700>>;
  std::filesystem::create_directories(s.out);
  auto sets = split(read_pairs(s.images, s.labels, read_membranes), s.held_out);
  std::printf("%zu slices to learn from, %zu held out.\n", sets.known.size(), sets.unseen.size());
  std::vector<oxbow::image<float>> weights;
  if (!s.no_weights)
    for (auto const& labels : sets.known.labels) weights.push_back(oxbow::border_weights{}(labels));
  oxbow::samples const data{std::move(sets.known.images), std::move(sets.known.labels), std::move(weights),
                            oxbow::per_image};

  pupil<learner, seer, Backend> taught{s};
  std::vector<oxbow::image<float>> interior;
  auto const judge = [&] {
    return oxbow::score_membranes(sets.unseen.labels, interior, {},
                                  [&](std::int64_t n, auto&& f) { taught.eye().for_each(n, f); });
  };
  auto const score = [&](std::string const& views) {
    auto& eye = taught.eye();
    interior.clear();
    for (auto const& grey : sets.unseen.images) interior.push_back(see(eye, grey, oxbow::per_image, views));
    return judge();
  };
  score_book book{s};
  oxbow::training_summary done;
  if (!s.given.empty()) oxbow::load_weights(taught.net, s.given);
  else
    done = learn(taught, data, s, membrane_recipe(s), [&](std::int64_t step) {
      auto const best = best_of(score("none"));
      book.add(step, best);
      return best.v_rand;
    });
  oxbow::save_weights(taught.net, s.out / "weights.bf16.safetensors", oxbow::stored_as::bf16);

  auto scores = score(s.views);
  auto const show = [&] {
    std::printf("\n%s", membrane_text("threshold", threshold_rows(scores)).c_str());
  };
  show();
  if (s.in_order) {
    std::ranges::transform(interior, interior.begin(), in_order);
    scores = judge();
    std::printf("\nSmoothed, with closed borders and without doubtful regions:");
    show();
  }
  std::filesystem::create_directories(s.out / "maps");  // for score_maps, and for whoever knows better
  for (std::size_t i = 0; i < interior.size(); ++i)
    oxbow::write_tiff(s.out / "maps" / (sets.unseen.names[i] + ".tif"), interior[i]);
  auto const best = best_of(scores);
  page report{"Membranes", "A U-Net of " + oxbow::grouped(learner::parameter_count) +
                                    " parameters, scored as the ISBI 2012 challenge does on slices held out."};
  report.facts({{oxbow::decimal(best.v_rand, 4), "V_Rand after thinning"},
                {oxbow::decimal(best.v_info, 4), "V_Info after thinning"},
                {oxbow::decimal(best.warping_error, 6), "warping error"},
                {oxbow::decimal(100 * best.lost_objects, 0) + " %", "of the cells lost at its threshold"},
                {oxbow::decimal(best.pixel_error, 4), "pixel error, 1 - F"},
                {oxbow::grouped(done.steps), "steps"},
                {oxbow::decimal(done.seconds, 0) + " s", "of training and scoring"}});
  if (done.steps > 0) report.heading("Scores of the held-out slices");
  book.show(report, {"V_Rand", "V_Info", "Dice"});
  book.show(report, {"pixel error", "Rand error"});
  book.show(report, {"warping error"});
  report.heading("Thresholds");
  report.table(membrane_titles("threshold"), threshold_rows(scores),
               "The best network's scores at each threshold on the probability of interior; the challenge takes each "
               "score at its own best threshold. Lost: the share of cells of which nothing is found, which the warping "
               "error does not count. Views averaged: " + s.views +
                   (s.in_order ? ". Borders closed, doubtful regions given up." : "."));
  for (std::size_t i = 0; i < std::min<std::size_t>(4, sets.unseen.size()); ++i)
    show_slice(report, sets.unseen.names[i], sets.unseen.images[i], sets.unseen.labels[i], interior[i],
               scores.least_warped()->threshold);
  if (done.steps > 0) report.heading("Loss");
  show_losses(report, done);
  save_page(report, s);
}

}  // namespace support
