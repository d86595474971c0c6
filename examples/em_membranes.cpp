// The paper's first experiment: membranes in slices of electron microscopy, learned with elastic deformations and border
// weights, and scored as the ISBI 2012 challenge does, every epoch, on slices that are held out:
//   em_membranes --images train/image --labels train/label --out run
#include <cstdio>

#include <CLI/CLI.hpp>
#include <oxbow/io.hpp>
#include <oxbow/oxbow.hpp>

#include "support/folder.hpp"
#include "support/pictures.hpp"
#include "support/report.hpp"

using namespace oxbow;
namespace fs = std::filesystem;

// The paper's network in full depth, a quarter as wide, with its dropout. A slice of 512 × 512 is seen in one tile.
using net_type =
    seq<scale_of<16, scale_of<32, scale_of<64, scale_of<128, seq<stage<256>, dropout<0.5f>>>>>>, conv<2, 1>>;
using learner = model<net_type, tile<444, 444>>;
using seer = model<net_type, tile<700, 700>>;
static_assert(learner::schema == seer::schema);

struct settings {
  fs::path images, labels, out = "em_membranes";
  std::vector<std::string> held_out;
  std::int64_t steps = 20'000, epoch = 500;
  int patience = 0, threads = 0;
  float rate = 1e-3f;
  std::string optimizer = "sgd", views = "none";
  bool no_elastic = false, no_weights = false, resume = false;
  std::uint64_t seed = 1;
};

void read_arguments(CLI::App& app, settings& s) {
  app.add_option("--images", s.images, "folder of PNG or TIFF images, or a TIFF stack")->required();
  app.add_option("--labels", s.labels, "the same of their labels: 0 membrane, 1 or 255 interior")->required();
  app.add_option("--holdout", s.held_out, "slices to test on, by name or number from 0; every fifth if not said")
      ->delimiter(',');
  app.add_option("--out", s.out, "folder for page, weights, scores and checkpoints")->capture_default_str();
  app.add_option("--steps", s.steps, "tiles to learn from")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--epoch", s.epoch, "steps between scores")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--patience", s.patience, "stop after so many epochs without a better V_Rand; 0: never");
  app.add_option("--optimizer", s.optimizer, "sgd: the paper's, momentum .99; or adam")
      ->check(CLI::IsMember({"sgd", "adam"}))
      ->capture_default_str();
  app.add_option("--rate", s.rate, "learning rate")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--views", s.views, "average the final prediction over rotations and mirrors")
      ->check(CLI::IsMember({"none", "square", "seven"}))
      ->capture_default_str();
  app.add_flag("--no-elastic", s.no_elastic, "ablation: without elastic deformation");
  app.add_flag("--no-weights", s.no_weights, "ablation: without border weights and class balance");
  app.add_flag("--resume", s.resume, "go on from the newest checkpoint in the out folder");
  app.add_option("--threads", s.threads, "0: one for each core")->capture_default_str();
  app.add_option("--seed", s.seed, "of all that is random")->capture_default_str();
}

image<float> channel(image<float> const& from, int c) {
  image<float> made(from.size);
  for (std::size_t i = 0; i < made.data.size(); ++i)
    made.data[i] = from.data[i * static_cast<std::size_t>(from.channels) + static_cast<std::size_t>(c)];
  return made;
}

template <class Net> std::vector<image<float>> see(Net& net, std::vector<image<float>> const& images,
                                                   std::string const& views) {
  std::vector<image<float>> interior;
  for (auto const& grey : images)
    interior.push_back(channel(
        views == "none" ? predict(net, grey, {.normalise = per_image})
                        : predict_average(net, grey, views == "square" ? square_symmetries() : seven_rotations(),
                                          {.normalise = per_image}),
        1));
  return interior;
}

/// A line per threshold, or per epoch.
std::vector<std::string> row(std::string const& first, membrane_scores const& s) {
  std::vector<std::string> made{first};
  for (double const v : {s.v_rand, s.v_info, s.rand_error, s.warping_error, s.pixel_error, s.iou, s.dice})
    made.push_back(decimal(v, 5));
  return made;
}
std::vector<std::string> const titles{"V_Rand", "V_Info", "Rand error", "warping error", "pixel error", "IoU", "Dice"};

membrane_scores best_of(membrane_report const& r) {
  return {.v_rand = r.v_rand(),
          .v_info = r.v_info(),
          .rand_error = r.rand_error(),
          .warping_error = r.warping_error(),
          .pixel_error = r.pixel_error(),
          .wrong_pixels = r.wrong_pixels(),
          .iou = r.iou(),
          .dice = r.dice()};
}

struct epoch {
  double step;
  membrane_scores best;
};

void write_page(settings const& s, support::labelled_images const& unseen, std::vector<image<float>> const& interior,
                membrane_report const& final_scores, std::vector<epoch> const& epochs, training_summary const& done) {
  support::page page{"Membranes", "A U-Net of " + grouped(learner::parameter_count) +
                                      " parameters, scored as the ISBI 2012 challenge does on slices held out."};
  membrane_scores const best = best_of(final_scores);
  page.facts({{decimal(best.v_rand, 4), "V_Rand after thinning"},
              {decimal(best.v_info, 4), "V_Info after thinning"},
              {decimal(best.warping_error, 6), "warping error"},
              {decimal(best.pixel_error, 4), "pixel error, 1 - F"},
              {grouped(done.steps), "steps"},
              {decimal(done.seconds, 0) + " s", "of training and scoring"}});
  auto const curves = [&](std::initializer_list<std::pair<char const*, double membrane_scores::*>> which) {
    std::vector<support::series> lines;
    for (auto const& [name, of] : which) {
      support::series line{name, {}, {}};
      for (epoch const& e : epochs) line.x.push_back(e.step), line.y.push_back(e.best.*of);
      lines.push_back(std::move(line));
    }
    page.curve(lines, "step");
  };
  page.heading("Scores of the held-out slices");
  curves({{"V_Rand", &membrane_scores::v_rand}, {"V_Info", &membrane_scores::v_info}, {"Dice", &membrane_scores::dice}});
  curves({{"pixel error", &membrane_scores::pixel_error}, {"Rand error", &membrane_scores::rand_error}});
  curves({{"warping error", &membrane_scores::warping_error}});
  page.heading("Thresholds");
  std::vector<std::string> head{"threshold"};
  head.insert(head.end(), titles.begin(), titles.end());
  std::vector<std::vector<std::string>> rows;
  for (membrane_scores const& t : final_scores.at) rows.push_back(row(decimal(t.threshold, 1), t));
  rows.push_back(row("best", best));
  page.table(head, rows, "The best network's scores at each threshold on the probability of interior; the challenge takes "
                         "each score at its own best threshold. Views averaged: " + s.views + ".");
  for (std::size_t i = 0; i < std::min<std::size_t>(4, unseen.size()); ++i) {
    label_image taken(unseen.labels[i].size);
    for (std::size_t k = 0; k < taken.data.size(); ++k) taken.data[k] = interior[i].data[k] > 0.5f;
    auto const& grey = unseen.images[i].data;
    auto const [low, high] = std::minmax_element(grey.begin(), grey.end());
    auto const picture = support::grey_picture(unseen.images[i], *low, *high > *low ? *high : *low + 1);
    auto const wrong = support::show_errors(picture, unseen.labels[i], taken, 0);
    page.heading(unseen.names[i]);
    page.row({{"Image", picture, ""},
              {"Truth", support::class_picture(unseen.labels[i], 2), ""},
              {"Probability of interior", support::grey_picture(interior[i]), ""},
              {"Errors", wrong.picture, grouped(wrong.invented + wrong.missed) + " pixels at threshold .5"},
              {"Regions", support::object_picture(thin_borders(std::as_const(taken).view())), "after thinning"}},
             {{"membrane where there is none", support::error_picture::invented_colour},
              {"membrane missed", support::error_picture::missed_colour}});
  }
  page.heading("Loss");
  std::vector<double> steps, losses;
  for (std::size_t i = 0; i < done.losses.size(); ++i) {
    steps.push_back(static_cast<double>(done.first_step) + static_cast<double>(i) + 1);
    losses.push_back(static_cast<double>(done.losses[i]));
  }
  page.curve("loss of each step", std::move(steps), std::move(losses));
  page.save(s.out / "report.html");
}

void run(settings const& s) {
  fs::create_directories(s.out);
  auto [known, unseen] =
      support::split(support::read_pairs(s.images, s.labels, 2, {{0, 0}, {1, 1}, {255, 1}}), s.held_out);
  std::printf("%zu slices to learn from, %zu held out.\n", known.size(), unseen.size());
  std::vector<image<float>> weights;
  if (!s.no_weights)
    for (auto const& labels : known.labels) weights.push_back(border_weights{}(labels));
  samples const data{std::move(known.images), std::move(known.labels), std::move(weights), per_image};

  network<learner, host> net{host{s.threads}, seed{s.seed}};
  network<seer, host> eye{host{s.threads}};
  auto const look = [&] { std::ranges::copy(std::as_const(net).parameters(), eye.parameters().begin()); };
  auto const shared_out = [&](std::int64_t n, auto&& f) { eye.for_each(n, f); };

  std::vector<epoch> epochs;
  std::int64_t step = 0;
  std::FILE* const log = std::fopen((s.out / "scores.csv").c_str(), s.resume ? "a" : "w");
  if (!log) throw std::runtime_error((s.out / "scores.csv").string() + " cannot be opened for writing.");
  if (std::ftell(log) == 0)
    std::fprintf(log, "step,v_rand,v_info,rand_error,warping_error,pixel_error,iou,dice\n");
  auto const score = [&] {
    look();
    auto const seen = see(eye, unseen.images, "none");
    membrane_scores const best = best_of(score_membranes(unseen.labels, seen, {}, shared_out));
    epochs.push_back({static_cast<double>(step), best});
    std::fprintf(log, "%lld,%.6f,%.6f,%.6f,%.8f,%.6f,%.6f,%.6f\n", static_cast<long long>(step), best.v_rand,
                 best.v_info, best.rand_error, best.warping_error, best.pixel_error, best.iou, best.dice);
    std::fflush(log);
    std::printf("step %lld: V_Rand %.4f, V_Info %.4f, warping error %.6f, pixel error %.4f\n",
                static_cast<long long>(step), best.v_rand, best.v_info, best.warping_error, best.pixel_error);
    std::fflush(stdout);  // whoever watches a file of a long run sees it at once
    return best.v_rand;
  };

  any_optimizer how = sgd{.rate = s.rate, .momentum = 0.99f};
  if (s.optimizer == "adam") how = adam{.rate = s.rate};
  auto const rigid = rotate{} | mirror{} | shift{.pixels = 16};
  auto const light = grey{.black = -2, .white = 2} | blur{.probability = 0.25f};
  training_options options{.optimizer = how,
                           .schedule = cosine{.warm_up = 100},
                           .augment = s.no_elastic ? augmentation(rigid | light) : augmentation(elastic{} | rigid | light),
                           .steps = s.steps,
                           .clip = 1,
                           .validate = validation{.every = s.epoch,
                                                  .score = score,
                                                  .patience = s.patience,
                                                  .best = checkpoints{s.out / "best", 1}},
                           .callbacks = {[&](step_report const& r) { step = r.step + 1; }},
                           .checkpoints = checkpoints{s.out / "checkpoints"},
                           .checkpoint_every = s.epoch,
                           .resume = s.resume,
                           .log = csv_log{s.out / "loss.csv"},
                           .progress = progress_bar{},
                           .seed = s.seed};
  auto const done = train(net, data, options);
  std::fclose(log);

  // Only a score that was a number has left a best network; else the last one is taken.
  if (done.best)
    if (auto const best = checkpoints{s.out / "best"}.load_newest()) load_parameters(net, *best);
  look();
  auto const interior = see(eye, unseen.images, s.views);
  auto const scores = score_membranes(unseen.labels, interior, {}, shared_out);
  std::printf("\n%-10s", "threshold");
  for (auto const& t : titles) std::printf(" %13s", t.c_str());
  for (auto const& t : scores.at) {
    std::printf("\n%-10.1f", t.threshold);
    for (double const v : {t.v_rand, t.v_info, t.rand_error, t.warping_error, t.pixel_error, t.iou, t.dice})
      std::printf(" %13.6f", v);
  }
  membrane_scores const best = best_of(scores);
  std::printf("\nbest: V_Rand %.5f, V_Info %.5f, Rand error %.5f, warping error %.7f, pixel error %.5f\n", best.v_rand,
              best.v_info, best.rand_error, best.warping_error, best.pixel_error);
  save_weights(net, s.out / "weights.safetensors");
  write_page(s, unseen, interior, scores, epochs, done);
  std::printf("The page: %s\n", fs::absolute(s.out / "report.html").lexically_normal().c_str());
}

int main(int argc, char** argv) {
  CLI::App app{"Trains a U-Net on slices of electron microscopy and scores it as the ISBI 2012 challenge does."};
  settings s;
  read_arguments(app, s);
  CLI11_PARSE(app, argc, argv);
  try {
    run(s);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "em_membranes: %s\n", error.what());
    return 1;
  }
}
