// Learns to tell membranes from the interior of cells, on images that it draws itself or on a folder of yours, and
// writes down how good it has become: one page with pictures, scores and curves.
#include <cstdio>
#include <fstream>
#include <sstream>

#include <CLI/CLI.hpp>
#include <oxbow/io.hpp>
#include <oxbow/lower/write_svg.hpp>
#include <oxbow/oxbow.hpp>

#include "support/cells.hpp"
#include "support/membranes_page.hpp"
#include "support/time_box.hpp"

using namespace oxbow;
namespace fs = std::filesystem;

// One network, two tiles. Learning takes small ones, for much variety in little time. Seeing takes large ones, because
// it throws away the margin of each tile that its padding reaches.
using learner = model<unet_small, tile<128, 128>>;
using seer = model<unet_small, tile<512, 512>>;
static_assert(learner::parameter_count == seer::parameter_count && learner::schema == seer::schema);

struct settings {
  fs::path images, labels, data, out = "membranes";
  double seconds = 120;
  std::int64_t steps = 0;  ///< 0: as many as fit into the seconds
  std::vector<std::string> held_out;
  int threads = 0, batch = 1;
  bool resume = false;
  std::uint64_t seed = 1;
};

/// A folder inside `data`, under any of its usual names.
fs::path part_of(fs::path const& data, std::vector<char const*> const& names) {
  for (char const* name : names)
    if (fs::exists(data / name)) return data / name;
  throw std::runtime_error(data.string() + " has neither a folder " + names[0] + " nor one called " + names[1] +
                           ". Name the folders with --images and --labels.");
}

void read_arguments(CLI::App& app, settings& s) {
  app.add_option("--data", s.data, "folder with images and labels in folders of these names");
  app.add_option("--images", s.images, "folder of PNG or TIFF images, or a TIFF stack");
  app.add_option("--labels", s.labels, "the same of their labels: 0 membrane, 1 or 255 interior");
  app.add_option("--holdout", s.held_out, "images to test on, by name or number from 0; every fifth if not said")
      ->delimiter(',');
  app.add_option("--out", s.out, "folder for page, weights and checkpoints")->capture_default_str();
  app.add_option("--seconds", s.seconds, "time to train for")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--steps", s.steps, "train for so many steps instead: the same result on every run")
      ->check(CLI::PositiveNumber);
  app.add_option("--batch", s.batch, "tiles per step")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--threads", s.threads, "0: one for each core")->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--seed", s.seed, "of all that is random")->capture_default_str();
  app.add_flag("--resume", s.resume, "go on from the newest checkpoint in the out folder");
}

/// What to learn from, and what to be tested on.
std::pair<support::labelled_images, support::labelled_images> get_data(settings s) {
  if (!s.data.empty()) {
    if (s.images.empty()) s.images = part_of(s.data, {"images", "image"});
    if (s.labels.empty()) s.labels = part_of(s.data, {"labels", "label"});
  }
  if (s.images.empty() != s.labels.empty())
    throw std::runtime_error("images need labels: give both --images and --labels, or --data.");
  if (!s.images.empty())
    return support::split(support::read_pairs(s.images, s.labels, 2, {{0, 0}, {1, 1}, {255, 1}}), s.held_out);
  std::pair<support::labelled_images, support::labelled_images> parts;
  auto const draw = [&](std::uint32_t number, extent size, auto& part) {
    auto made = support::draw_cells({.size = size, .seed = s.seed, .number = number});
    part.add("Generated image " + std::to_string(number), std::move(made.grey), std::move(made.labels));
  };
  for (std::uint32_t i = 1; i <= 6; ++i) draw(i, {1, 512, 512}, parts.first);
  draw(7, {1, 700, 900}, parts.second);
  return parts;
}

/// How many steps fit into the time, by the pace of a few on a network that is thrown away.
std::int64_t steps_within(double seconds, samples const& data, settings const& s, training_options const& planned) {
  network<learner, host> trial{host{s.threads}, seed{s.seed}};
  training_options few{.augment = planned.augment, .steps = 4, .batch = planned.batch};
  train(trial, data, few);  // allocates, and wakes the threads
  few.steps = 20;
  double const pace = train(trial, data, few).seconds / static_cast<double>(few.steps);
  return std::max<std::int64_t>(10, static_cast<std::int64_t>(seconds / pace));
}

support::segmented_images segment(network<seer, host>& net, support::labelled_images const& images) {
  auto const begin = std::chrono::steady_clock::now();
  support::segmented_images made;
  for (auto const& grey : images.images) made.probabilities.push_back(predict(net, grey, {.normalise = per_image}));
  made.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  for (std::size_t i = 0; i < images.size(); ++i) {
    label_image labels(images.images[i].size);
    for (std::size_t k = 0; k < labels.data.size(); ++k)
      labels.data[k] = made.probabilities[i].data[2 * k + 1] > made.probabilities[i].data[2 * k];
    made.scores.network.add(images.labels[i], labels);
    made.scores.threshold.add(images.labels[i], support::best_threshold(images.images[i], images.labels[i]));
    made.scores.sweep.add(images.labels[i], made.probabilities[i]);
    made.labels.push_back(std::move(labels));
  }
  return made;
}

/// The network as SVG; empty, with a word on the terminal, where Graphviz is not installed.
std::string drawing_in(fs::path const& file) try {
  write_svg<learner>(file);
  std::ostringstream text;
  text << std::ifstream{file}.rdbuf();
  return text.str();
} catch (std::runtime_error const& error) {
  std::fprintf(stderr, "The page will lack the network's picture: %s\n", error.what());
  return {};
}

void run(settings const& s) {
  fs::create_directories(s.out);
  auto [known, unseen] = get_data(s);
  std::printf("%zu images to learn from, %zu to be tested on.\n", known.size(), unseen.size());
  samples const data{std::move(known.images), std::move(known.labels), {}, per_image};

  network<learner, host> net{host{s.threads}, seed{s.seed}};
  network<seer, host> eye{host{s.threads}};
  auto const look = [&] { std::ranges::copy(std::as_const(net).parameters(), eye.parameters().begin()); };

  support::watched curve;
  // As much of the first image as one tile sees at once.
  auto const watched_image = support::close_up(unseen.images[0], facts_of<seer>().usable(2));
  auto const watched_truth = support::close_up(unseen.labels[0], facts_of<seer>().usable(2));
  curve.threshold =
      confusion(watched_truth, support::best_threshold(watched_image, watched_truth), 2).pixel_error();
  auto const watch = [&](step_report const& r) {
    look();
    auto const seen = predict_labels(eye, watched_image, {.normalise = per_image});
    curve.steps.push_back(static_cast<double>(r.step + 1));
    curve.errors.push_back(confusion(watched_truth, seen, 2).pixel_error());
  };

  training_options options{.optimizer = adam{.rate = 2e-3f},
                           .schedule = cosine{.warm_up = 20},
                           .augment = scale{.from = 0.85f, .to = 1.2f} | elastic{.sigma = 6} | rotate{} | mirror{} |
                                      grey{.black = -2, .white = 2},
                           .steps = s.steps,
                           .batch = s.batch,
                           .clip = 1,
                           .checkpoints = checkpoints{s.out / "checkpoints"},
                           .checkpoint_every = 500,
                           .resume = s.resume,
                           .log = csv_log{s.out / "loss.csv"},
                           .progress = progress_bar{},
                           .seed = s.seed};
  if (s.steps == 0) {
    options.steps = steps_within(s.seconds, data, s, options);
    if (s.resume)
      if (auto const saved = checkpoints{s.out / "checkpoints"}.load_newest())
        options.steps += static_cast<std::int64_t>(saved->step);
  }
  support::time_box const box{s.steps == 0 ? s.seconds : 1e9};
  if (s.steps == 0) {
    options.schedule = box;
    options.callbacks.push_back(box);
  }
  options.callbacks.push_back([&, looks = 0](step_report const& r) mutable {
    double const share = std::max(static_cast<double>(r.step + 1) / static_cast<double>(r.steps), box.share());
    if (share * 12 < looks + 1) return;
    looks = static_cast<int>(share * 12);
    watch(r);
  });
  auto const done = train(net, data, options);

  look();
  std::printf("%s steps in %s. Segmenting.\n", grouped(done.steps - done.first_step).c_str(),
              (decimal(done.seconds, 0) + " s").c_str());
  auto const made = segment(eye, unseen);
  std::printf("\n%s\nISBI 2012's pixel error, 1 - F of the interior: %s\n\n", support::score_text(made.scores).c_str(),
              support::percent(made.scores.sweep.error()).c_str());
  save_weights(net, s.out / "weights.safetensors");
  bool const drawn = s.data.empty() && s.images.empty();
  auto const page = support::membranes_page(
      "A U-Net of " + grouped(learner::parameter_count) + " parameters learned from " + std::to_string(data.size()) +
          (drawn ? " generated images of cells with thin membranes, and segments one"
                 : " images, and segments others") +
          " that it has never seen. Click a picture to enlarge it.",
      unseen, made, done, curve,
      {grouped(learner::parameter_count), describe<learner>(), describe_plan<seer::inference>(),
       drawing_in(s.out / "network.svg")});
  page.save(s.out / "report.html");
  std::printf("The page: %s\n", fs::absolute(s.out / "report.html").lexically_normal().c_str());
}

int main(int argc, char** argv) {
  CLI::App app{"Trains a small U-Net to find membranes, and writes a page about it. Draws images if none are given."};
  settings s;
  read_arguments(app, s);
  CLI11_PARSE(app, argc, argv);
  try {
    run(s);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "membranes_demo: %s\n", error.what());
    return 1;
  }
}
