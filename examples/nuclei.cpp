// Nuclei, each for itself: objects that touch are parted by border weights, and found again as the parts of a
// probability map. Scored by SEG and DET on images that are held out. Without arguments it draws its images:
//   nuclei --images image --labels label --out run
#include <oxbow/oxbow.hpp>

#include "support/experiment.hpp"
#include "support/folder.hpp"
#include "support/nuclei.hpp"
#include "support/percentiles.hpp"
#include "support/pictures.hpp"
#include "support/program.hpp"
using namespace oxbow;

using learner = model<unet_small, tile<256, 256>>;
using seer = model<unet_small, tile<512, 512>>;

struct settings : support::experiment_settings {
  int drawn = 4;
  std::size_t every = 5;
  float apart = 4;
  std::int64_t smallest = 10;
  std::string weights = "paper";

  void ask(CLI::App& app) {
    out = "nuclei", steps = 4000, epoch = 250;
    app.add_option("--images", images, "folder of PNG or TIFF images, 8 or 16 bits");
    app.add_option("--labels", labels, "the same of object numbers, 0 background, in the same order");
    app.add_option("--every", every, "one image of so many is held out")
        ->check(CLI::Range(2, 1000))
        ->capture_default_str();
    app.add_option("--weights", weights, "paper, plugin, or none: the ablation")
        ->check(CLI::IsMember({"paper", "plugin", "none"}))
        ->capture_default_str();
    app.add_option("--smallest", smallest, "pixels; smaller objects are left out")->capture_default_str();
    app.add_option("--apart", apart, "pixels; part objects whose cores lie apart at this depth; 0: do not")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    experiment_settings::ask(app);
  }
};

using fields = support::labelled<std::int32_t>;

fields read_fields(settings const& s) {
  if (s.images.empty() != s.labels.empty()) throw std::runtime_error("give both --images and --labels, or neither.");
  fields all;
  if (s.images.empty()) {
    for (int i = 0; i < s.drawn; ++i) {
      auto made = support::draw_nuclei({1, 200, 230}, s.seed, static_cast<std::uint32_t>(i));
      all.add("drawing " + std::to_string(i), std::move(made.grey), std::move(made.objects));
    }
  } else {
    all = support::read_pairs(
        s.images, s.labels, [](std::filesystem::path const& file) { return read_instance_stack(file); },
        {.scaled = false});
  }
  for (auto& grey : all.images) grey = support::scaled_by_percentiles(std::move(grey));
  return all;
}

training_options recipe(settings const& s) {
  auto const rigid = rotate{} | mirror{} | scale{};
  return {.optimizer = adam{.rate = s.rate},
          .schedule = cosine{.warm_up = 50},
          .augment = s.no_elastic ? augmentation(rigid | grey{}) : augmentation(elastic{} | rigid | grey{}),
          .clip = 1,
          .sampling = tile_sampling::classes};
}

/// A line of the table of objects.
std::vector<std::string> row(std::string name, object_scores const& s) {
  return {std::move(name),
          std::to_string(s.true_objects()),
          std::to_string(s.found_objects()),
          std::to_string(s.missed()),
          std::to_string(s.invented()),
          std::to_string(s.merged()),
          decimal(s.seg(), 4),
          decimal(s.det(), 4)};
}

void run(settings const& s) {
  std::filesystem::create_directories(s.out);
  auto sets = support::split(read_fields(s), {}, s.every);
  std::vector<image<float>> weights;
  std::vector<label_image> labels;
  for (auto const& objects : sets.known.labels) {
    instance_image const apart = separate_touching(objects);
    if (s.weights != "none")
      weights.push_back((s.weights == "plugin" ? border_weights::plugin() : border_weights{})(apart));
    labels.push_back(foreground(apart));
  }
  std::printf("%zu images to learn from, %zu held out.\n", sets.known.size(), sets.unseen.size());
  samples const data{std::move(sets.known.images), std::move(labels), std::move(weights)};

  support::pupil<learner, seer, host> pupil{s};
  auto const find = [&](image<float> const& inside) {
    return find_objects(inside, {.apart = s.apart, .smallest = s.smallest}).objects;
  };
  std::vector<double> steps, segs, dets;
  auto const done = support::learn(pupil, data, s, recipe(s), [&](std::int64_t step) {
    auto& eye = pupil.eye();
    object_scores sum;
    for (std::size_t i = 0; i < sets.unseen.size(); ++i)
      sum.add(sets.unseen.labels[i], find(support::see(eye, sets.unseen.images[i])));
    steps.push_back(static_cast<double>(step)), segs.push_back(sum.seg()), dets.push_back(sum.det());
    std::printf("step %lld: SEG %.4f, DET %.4f\n", static_cast<long long>(step), sum.seg(), sum.det());
    std::fflush(stdout);  // whoever watches a file of a long run sees it at once
    return sum.seg();
  });

  auto& eye = pupil.eye();
  object_scores all;
  std::vector<std::vector<std::string>> rows;
  std::vector<image<float>> inside;
  std::vector<instance_image> found;
  for (std::size_t i = 0; i < sets.unseen.size(); ++i) {
    inside.push_back(support::see(eye, sets.unseen.images[i], as_is, s.views));
    found.push_back(find(inside.back()));
    object_scores one;
    one.add(sets.unseen.labels[i], found.back()), all.add(sets.unseen.labels[i], found.back());
    rows.push_back(row(sets.unseen.names[i], one));
  }
  rows.push_back(row("all", all));
  std::printf("SEG %.5f, DET %.5f: of %lld objects %lld missed, %lld merged, %lld invented.\n", all.seg(), all.det(),
              static_cast<long long>(all.true_objects()), static_cast<long long>(all.missed()),
              static_cast<long long>(all.merged()), static_cast<long long>(all.invented()));

  support::page page{"Nuclei", "A U-Net of " + grouped(learner::parameter_count) + " parameters finds objects that touch."};
  page.facts({{decimal(all.seg(), 4), "SEG"},
              {decimal(all.det(), 4), "DET"},
              {grouped(done.steps), "steps"},
              {decimal(done.seconds, 0) + " s", "of training and scoring"}});
  page.curve({support::series{"SEG", steps, segs}, support::series{"DET", steps, dets}}, "step");
  page.table({"image", "true", "found", "missed", "invented", "merged", "SEG", "DET"}, rows);
  for (std::size_t i = 0; i < std::min<std::size_t>(4, sets.unseen.size()); ++i) {
    page.heading(sets.unseen.names[i]);
    page.row({{"Image", support::grey_picture(sets.unseen.images[i])},
              {"Truth", support::object_picture(sets.unseen.labels[i])},
              {"Probability of nucleus", support::grey_picture(inside[i])},
              {"Found", support::object_picture(found[i])},
              {"Weights", support::grey_picture(border_weights{}(separate_touching(sets.unseen.labels[i])), 0, 12),
               "black 0, white 12"}});
  }
  support::show_losses(page, done);
  support::save_page(page, s);
}

int main(int argc, char** argv) {
  CLI::App app{"Trains a small U-Net to find nuclei, each for itself. Without arguments it draws its images."};
  settings s;
  s.ask(app);
  return support::program(app, argc, argv, [&] { run(s); });
}
