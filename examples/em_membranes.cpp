// The paper's first experiment: membranes in slices of electron microscopy, learned with elastic deformations and border
// weights, and scored as the ISBI 2012 challenge does, every epoch, on slices that are held out:
//   em_membranes --images train/image --labels train/label --out run
#include <memory>

#include "support/experiment.hpp"
#include "support/folder.hpp"
#include "support/membrane_table.hpp"
#include "support/networks.hpp"
#include "support/pictures.hpp"
#include "support/program.hpp"
using namespace oxbow;

// A slice of 512 × 512 is seen in one tile.
using learner = model<support::quarter_unet, tile<444, 444>>;
using seer = model<support::quarter_unet, tile<700, 700>>;

struct settings : support::experiment_settings {
  std::vector<std::string> held_out;
  std::string optimizer = "sgd";
  bool no_weights = false, closed = false;
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
    app.add_flag("--closed", closed, "in the end, score the maps smoothed and with closed borders besides");
    experiment_settings::ask(app);
  }
};

training_options recipe(settings const& s) {
  any_optimizer how = sgd{.rate = s.rate, .momentum = 0.99f};
  if (s.optimizer == "adam") how = adam{.rate = s.rate};
  auto const rigid = rotate{} | mirror{} | shift{.pixels = 16};
  auto const light = grey{.black = -2, .white = 2} | blur{.probability = 0.25f};
  return {.optimizer = how,
          .schedule = cosine{.warm_up = 100},
          .augment = s.no_elastic ? augmentation(rigid | light) : augmentation(elastic{} | rigid | light),
          .clip = 1};
}

/// The map smoothed, so that borders keep about their width, and with lines where its regions are kept apart.
image<float> with_closed_borders(image<float> const& interior) {
  image<float> made = smooth(interior, 2);
  image<float> const lines = closed_borders(interior);
  for (std::size_t i = 0; i < made.data.size(); ++i) made.data[i] = std::min(made.data[i], lines.data[i]);
  return made;
}

/// The best scores of every epoch: on the terminal, in scores.csv, and for the page's curves.
class score_book {
 public:
  explicit score_book(settings const& s)
      : path_{s.out / "scores.csv"}, file_{std::fopen(path_.c_str(), s.resume ? "a" : "w")} {
    if (!file_) throw std::runtime_error(path_.string() + " cannot be opened for writing.");
    if (std::ftell(file_.get()) > 0) return;
    std::fputs("step", file_.get());
    for (auto const& c : support::membrane_columns) std::fprintf(file_.get(), ",%s", c.name);
    std::fputs("\n", file_.get());
  }

  void add(std::int64_t step, membrane_scores const& best) {
    steps_.push_back(static_cast<double>(step));
    scores_.push_back(best);
    std::fprintf(file_.get(), "%lld", static_cast<long long>(step));
    for (auto const& c : support::membrane_columns) std::fprintf(file_.get(), ",%.8f", best.*c.score);
    std::fputs("\n", file_.get());
    std::fflush(file_.get());
    std::printf("step %lld: V_Rand %.4f, V_Info %.4f, warping error %.6f, pixel error %.4f\n",
                static_cast<long long>(step), best.v_rand, best.v_info, best.warping_error, best.pixel_error);
    std::fflush(stdout);  // whoever watches a file of a long run sees it at once
  }

  void show(support::page& page, std::vector<std::string> const& columns) const {
    if (steps_.empty()) return;
    std::vector<support::series> lines;
    for (auto const& c : support::membrane_columns) {
      if (std::ranges::find(columns, c.title) == columns.end()) continue;
      support::series line{c.title, steps_, {}};
      for (auto const& scores : scores_) line.y.push_back(scores.*c.score);
      lines.push_back(std::move(line));
    }
    page.curve(lines, "step");
  }

 private:
  struct closing {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, closing> file_;
  std::vector<double> steps_;
  std::vector<membrane_scores> scores_;
};

void show_slice(support::page& page, std::string const& name, image<float> const& grey, label_image const& truth,
                image<float> const& interior, double warped_at) {
  label_image taken(truth.size);
  for (std::size_t k = 0; k < taken.data.size(); ++k) taken.data[k] = interior.data[k] > 0.5f;
  auto const [low, high] = std::minmax_element(grey.data.begin(), grey.data.end());
  auto const picture = support::grey_picture(grey, *low, *high > *low ? *high : *low + 1);
  auto const wrong = support::show_errors(picture, truth, taken, 0);
  page.heading(name);
  page.row({{"Image", picture},
            {"Truth", support::class_picture(truth, 2)},
            {"Probability of interior", support::grey_picture(interior)},
            {"Errors", wrong.picture, grouped(wrong.invented + wrong.missed) + " pixels at threshold .5"},
            {"Regions", support::object_picture(thin_borders(std::as_const(taken).view())), "after thinning"},
            {"Cut and joined", support::cut_picture(picture, truth, interior, warped_at),
             "what the warping error counts, at threshold " + decimal(warped_at, 1)}},
           {{"membrane where there is none", support::error_picture::invented_colour},
            {"membrane missed", support::error_picture::missed_colour}});
}

void run(settings const& s) {
  std::filesystem::create_directories(s.out);
  auto sets = support::split(support::read_pairs(s.images, s.labels, support::read_membranes), s.held_out);
  std::printf("%zu slices to learn from, %zu held out.\n", sets.known.size(), sets.unseen.size());
  std::vector<image<float>> weights;
  if (!s.no_weights)
    for (auto const& labels : sets.known.labels) weights.push_back(border_weights{}(labels));
  samples const data{std::move(sets.known.images), std::move(sets.known.labels), std::move(weights), per_image};

  support::pupil<learner, seer> pupil{s};
  std::vector<image<float>> interior;
  auto const judge = [&] {
    return score_membranes(sets.unseen.labels, interior, {},
                           [&](std::int64_t n, auto&& f) { pupil.eye().for_each(n, f); });
  };
  auto const score = [&](std::string const& views) {
    auto& eye = pupil.eye();
    interior.clear();
    for (auto const& grey : sets.unseen.images) interior.push_back(support::see(eye, grey, per_image, views));
    return judge();
  };
  score_book book{s};
  training_summary done;
  if (!s.given.empty()) load_weights(pupil.net, s.given);
  else
    done = support::learn(pupil, data, s, recipe(s), [&](std::int64_t step) {
      auto const best = support::best_of(score("none"));
      book.add(step, best);
      return best.v_rand;
    });
  save_weights(pupil.net, s.out / "weights.bf16.safetensors", stored_as::bf16);

  auto scores = score(s.views);
  auto const show = [&] {
    std::printf("\n%s", support::membrane_text("threshold", support::threshold_rows(scores)).c_str());
  };
  show();
  if (s.closed) {
    std::ranges::transform(interior, interior.begin(), with_closed_borders);
    scores = judge();
    std::printf("\nSmoothed and with closed borders:");
    show();
  }
  auto const best = support::best_of(scores);
  support::page page{"Membranes", "A U-Net of " + grouped(learner::parameter_count) +
                                      " parameters, scored as the ISBI 2012 challenge does on slices held out."};
  page.facts({{decimal(best.v_rand, 4), "V_Rand after thinning"},
              {decimal(best.v_info, 4), "V_Info after thinning"},
              {decimal(best.warping_error, 6), "warping error"},
              {decimal(best.pixel_error, 4), "pixel error, 1 - F"},
              {grouped(done.steps), "steps"},
              {decimal(done.seconds, 0) + " s", "of training and scoring"}});
  if (done.steps > 0) page.heading("Scores of the held-out slices");
  book.show(page, {"V_Rand", "V_Info", "Dice"});
  book.show(page, {"pixel error", "Rand error"});
  book.show(page, {"warping error"});
  page.heading("Thresholds");
  page.table(support::membrane_titles("threshold"), support::threshold_rows(scores),
             "The best network's scores at each threshold on the probability of interior; the challenge takes each "
             "score at its own best threshold. Views averaged: " + s.views + (s.closed ? ". Borders closed." : "."));
  for (std::size_t i = 0; i < std::min<std::size_t>(4, sets.unseen.size()); ++i)
    show_slice(page, sets.unseen.names[i], sets.unseen.images[i], sets.unseen.labels[i], interior[i],
               support::least_warped(scores));
  if (done.steps > 0) page.heading("Loss");
  support::show_losses(page, done);
  support::save_page(page, s);
}

int main(int argc, char** argv) {
  CLI::App app{"Trains a U-Net on slices of electron microscopy and scores it as the ISBI 2012 challenge does."};
  settings s;
  s.ask(app);
  return support::program(app, argc, argv, [&] { run(s); });
}
