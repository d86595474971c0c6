// Learns to tell membranes from the interior of cells, on images that it draws itself or on a folder of yours, and
// writes down how good it has become: one page with pictures, scores and curves.
#include <fstream>
#include <sstream>

#include <oxbow/lower/write_svg.hpp>
#include <oxbow/oxbow.hpp>

#include "support/cells.hpp"
#include "support/experiment.hpp"
#include "support/membranes_page.hpp"
#include "support/program.hpp"
#include "support/time_box.hpp"
using namespace oxbow;
namespace fs = std::filesystem;

// Learning throws nothing away; seeing throws away the margin of each tile that its padding reaches.
using learner = model<unet_small, tile<128, 128>>;
using seer = model<unet_small, tile<512, 512>>;

struct settings : support::run_settings {
  fs::path data;
  double seconds = 120;
  std::int64_t steps = 0;  ///< 0: as many as fit into the seconds
  std::vector<std::string> held_out;
  int batch = 1;

  void ask(CLI::App& app) {
    out = "membranes";
    app.add_option("--data", data, "folder with images and labels in folders of these names");
    app.add_option("--images", images, "folder of PNG or TIFF images, or a TIFF stack");
    app.add_option("--labels", labels, "the same of their labels: 0 membrane, 1 or 255 interior");
    app.add_option("--holdout", held_out, "images to test on, by name or number from 0; every fifth if not said")
        ->delimiter(',');
    app.add_option("--seconds", seconds, "time to train for")->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--steps", steps, "train for so many steps instead: the same result on every run")
        ->check(CLI::PositiveNumber);
    app.add_option("--batch", batch, "tiles per step")->check(CLI::PositiveNumber)->capture_default_str();
    run_settings::ask(app);
  }
};

/// A folder inside `data`, under any of its usual names.
fs::path part_of(fs::path const& data, std::vector<char const*> const& names) {
  for (char const* name : names)
    if (fs::exists(data / name)) return data / name;
  throw std::runtime_error(data.string() + " has neither a folder " + names[0] + " nor one called " + names[1] +
                           ". Name the folders with --images and --labels.");
}

/// What to learn from, and what to be tested on.
support::parts<std::uint8_t> get_data(settings s) {
  if (!s.data.empty()) {
    if (s.images.empty()) s.images = part_of(s.data, {"images", "image"});
    if (s.labels.empty()) s.labels = part_of(s.data, {"labels", "label"});
  }
  if (s.images.empty() != s.labels.empty())
    throw std::runtime_error("images need labels: give both --images and --labels, or --data.");
  if (!s.images.empty())
    return support::split(support::read_pairs(s.images, s.labels, support::read_membranes), s.held_out);
  support::parts<std::uint8_t> made;
  auto const draw = [&](std::uint32_t number, extent size, auto& part) {
    auto drawn = support::draw_cells({.size = size, .seed = s.seed, .number = number});
    part.add("Generated image " + std::to_string(number), std::move(drawn.grey), std::move(drawn.labels));
  };
  for (std::uint32_t i = 1; i <= 6; ++i) draw(i, {1, 512, 512}, made.known);
  draw(7, {1, 700, 900}, made.unseen);
  return made;
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

template <class Net> support::segmented_images segment(Net& net, support::labelled_images const& images) {
  auto const begin = std::chrono::steady_clock::now();
  support::segmented_images made;
  for (auto const& grey : images.images) made.interior.push_back(support::see(net, grey, per_image));
  made.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  for (std::size_t i = 0; i < images.size(); ++i) {
    label_image labels(images.images[i].size);
    for (std::size_t k = 0; k < labels.data.size(); ++k) labels.data[k] = made.interior[i].data[k] > 0.5f;
    made.network.add(images.labels[i], labels);
    made.threshold.add(images.labels[i], support::best_threshold(images.images[i], images.labels[i]));
    made.labels.push_back(std::move(labels));
  }
  made.challenge = score_membranes(images.labels, made.interior, {.warping = false},
                                   [&](std::int64_t n, auto&& f) { net.for_each(n, f); });
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
  auto sets = get_data(s);
  std::printf("%zu images to learn from, %zu to be tested on.\n", sets.known.size(), sets.unseen.size());
  samples const data{std::move(sets.known.images), std::move(sets.known.labels), {}, per_image};

  support::pupil<learner, seer, host> pupil{s};
  support::watched curve;
  // As much of the first image as one tile sees at once.
  auto const watched_image = support::close_up(sets.unseen.images[0], facts_of<seer>().usable(2));
  auto const watched_truth = support::close_up(sets.unseen.labels[0], facts_of<seer>().usable(2));
  curve.threshold =
      confusion(watched_truth, support::best_threshold(watched_image, watched_truth), 2).pixel_error();
  auto const watch = [&](step_report const& r) {
    auto const seen = predict_labels(pupil.eye(), watched_image, {.normalise = per_image});
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
                           .checkpoint_every = 500};
  s.put_into(options);
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
  auto const done = train(pupil.net, data, options);

  std::printf("%s steps in %s. Segmenting.\n", grouped(done.steps - done.first_step).c_str(),
              (decimal(done.seconds, 0) + " s").c_str());
  auto const made = segment(pupil.eye(), sets.unseen);
  std::printf("\n%s\nISBI 2012's pixel error, 1 - F of the interior: %s\n\n", support::score_text(made).c_str(),
              support::percent(made.challenge.pixel_error()).c_str());
  save_weights(pupil.net, s.out / "weights.safetensors");
  bool const drawn = s.data.empty() && s.images.empty();
  auto const page = support::membranes_page(
      "A U-Net of " + grouped(learner::parameter_count) + " parameters learned from " + std::to_string(data.size()) +
          (drawn ? " generated images of cells with thin membranes, and segments one"
                 : " images, and segments others") +
          " that it has never seen. Click a picture to enlarge it.",
      sets.unseen, made, done, curve,
      {grouped(learner::parameter_count), describe<learner>(), describe_plan<seer::inference>(),
       drawing_in(s.out / "network.svg")});
  support::save_page(page, s);
}

int main(int argc, char** argv) {
  CLI::App app{"Trains a small U-Net to find membranes, and writes a page about it. Draws images if none are given."};
  settings s;
  s.ask(app);
  return support::program(app, argc, argv, [&] { run(s); });
}
