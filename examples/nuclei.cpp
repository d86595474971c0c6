// Nuclei, each for itself: objects that touch are parted by border weights, and found again as the parts of a
// probability map. Scored by SEG and DET on images that are held out. Without arguments it draws its images:
//   nuclei --images image --labels label --out run
#include <cstdio>

#include <CLI/CLI.hpp>
#include <oxbow/io.hpp>
#include <oxbow/oxbow.hpp>

#include "support/nuclei.hpp"
#include "support/percentiles.hpp"
#include "support/pictures.hpp"
#include "support/report.hpp"

using namespace oxbow;
namespace fs = std::filesystem;

using learner = model<unet_small, tile<256, 256>>;
using seer = model<unet_small, tile<512, 512>>;

struct settings {
  fs::path images, labels, out = "nuclei";
  std::int64_t steps = 3000, epoch = 250;
  int drawn = 4, patience = 0, threads = 0, every = 5;
  float rate = 1e-3f, apart = 0;
  std::int64_t smallest = 30;
  std::string weights = "paper", views = "none";
  bool no_elastic = false, resume = false;
  std::uint64_t seed = 1;
};

struct field {
  std::string name;
  image<float> grey;
  instance_image objects;
};

std::vector<field> read_fields(settings const& s) {
  std::vector<field> all;
  if (s.images.empty() != s.labels.empty()) throw std::runtime_error("give both --images and --labels, or neither.");
  if (s.images.empty()) {
    for (int i = 0; i < s.drawn; ++i) {
      auto made = support::draw_nuclei({1, 200, 230}, s.seed, static_cast<std::uint32_t>(i));
      all.push_back({"drawing " + std::to_string(i), std::move(made.grey), std::move(made.objects)});
    }
  } else {
    auto const grey = read_folder(s.images), labels = read_folder(s.labels);
    if (grey.size() != labels.size())
      throw std::runtime_error("there are " + std::to_string(grey.size()) + " images in " + s.images.string() + " and " +
                               std::to_string(labels.size()) + " label files in " + s.labels.string() +
                               ". Give each image one file of object numbers.");
    for (std::size_t i = 0; i < grey.size(); ++i)
      all.push_back({grey[i].stem().string(), read_image<float>(grey[i], {.scaled = false}), read_instances(labels[i])});
  }
  for (field& f : all) f.grey = support::scaled_by_percentiles(std::move(f.grey));
  return all;
}

template <class Net> components find(Net& net, image<float> const& grey, settings const& s, image<float>* shown = nullptr) {
  image<float> const both =
      s.views == "none" ? predict(net, grey)
                        : predict_average(net, grey, s.views == "square" ? square_symmetries() : seven_rotations());
  image<float> inside(grey.size);
  for (std::size_t i = 0; i < inside.data.size(); ++i) inside.data[i] = both.data[2 * i + 1];
  auto found = find_objects(inside, {.apart = s.apart, .smallest = s.smallest});
  if (shown) *shown = std::move(inside);
  return found;
}

void run(settings const& s) {
  fs::create_directories(s.out);
  std::vector<field> unseen;
  std::vector<image<float>> images, weights;
  std::vector<label_image> labels;
  int number = 0;
  for (field& f : read_fields(s)) {
    if (number++ % s.every == s.every / 2) {
      unseen.push_back(std::move(f));
      continue;
    }
    instance_image const apart = separate_touching(f.objects);
    if (s.weights != "none") weights.push_back((s.weights == "plugin" ? border_weights::plugin() : border_weights{})(apart));
    labels.push_back(foreground(apart));
    images.push_back(std::move(f.grey));
  }
  if (unseen.empty() || images.empty())
    throw std::runtime_error("there are " + std::to_string(number) + " images: too few to learn from some and hold out "
                             "one of every " + std::to_string(s.every) + ". Give more, or a smaller --every.");
  std::printf("%zu images to learn from, %zu held out.\n", images.size(), unseen.size());
  samples const data{std::move(images), std::move(labels), std::move(weights)};

  network<learner, host> net{host{s.threads}, seed{s.seed}};
  network<seer, host> eye{host{s.threads}};
  auto const look = [&] { std::ranges::copy(std::as_const(net).parameters(), eye.parameters().begin()); };
  std::vector<double> steps, segs, dets;
  std::int64_t step = 0;
  settings plain = s;
  plain.views = "none";
  auto const score = [&] {
    look();
    object_scores sum;
    for (field const& f : unseen) sum.add(f.objects, find(eye, f.grey, plain).objects);
    steps.push_back(static_cast<double>(step)), segs.push_back(sum.seg()), dets.push_back(sum.det());
    std::printf("step %lld: SEG %.4f, DET %.4f\n", static_cast<long long>(step), sum.seg(), sum.det());
    std::fflush(stdout);  // whoever watches a file of a long run sees it at once
    return sum.seg();
  };
  auto const rigid = rotate{} | mirror{} | scale{};
  training_options options{
      .optimizer = adam{.rate = s.rate},
      .schedule = cosine{.warm_up = 50},
      .augment = s.no_elastic ? augmentation(rigid | grey{}) : augmentation(elastic{} | rigid | grey{}),
      .steps = s.steps,
      .clip = 1,
      .sampling = tile_sampling::classes,
      .validate = validation{
          .every = s.epoch, .score = score, .patience = s.patience, .best = checkpoints{s.out / "best", 1}},
      .callbacks = {[&](step_report const& r) { step = r.step + 1; }},
      .checkpoints = checkpoints{s.out / "checkpoints"},
      .checkpoint_every = s.epoch,
      .resume = s.resume,
      .log = csv_log{s.out / "loss.csv"},
      .progress = progress_bar{},
      .seed = s.seed};
  auto const done = train(net, data, options);
  if (done.best)
    if (auto const best = checkpoints{s.out / "best"}.load_newest()) load_parameters(net, *best);
  look();

  object_scores all;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::pair<components, image<float>>> made;
  for (field const& f : unseen) {
    image<float> inside;
    auto found = find(eye, f.grey, s, &inside);
    object_scores one;
    one.add(f.objects, found.objects), all.add(f.objects, found.objects);
    rows.push_back({f.name, std::to_string(one.true_objects()), std::to_string(one.found_objects()),
                    std::to_string(one.missed()), std::to_string(one.invented()), std::to_string(one.merged()),
                    decimal(one.seg(), 4), decimal(one.det(), 4)});
    made.emplace_back(std::move(found), std::move(inside));
  }
  rows.push_back({"all", std::to_string(all.true_objects()), std::to_string(all.found_objects()),
                  std::to_string(all.missed()), std::to_string(all.invented()), std::to_string(all.merged()),
                  decimal(all.seg(), 4), decimal(all.det(), 4)});
  std::printf("SEG %.5f, DET %.5f: of %lld objects %lld missed, %lld merged, %lld invented.\n", all.seg(), all.det(),
              static_cast<long long>(all.true_objects()), static_cast<long long>(all.missed()),
              static_cast<long long>(all.merged()), static_cast<long long>(all.invented()));
  save_weights(net, s.out / "weights.safetensors");

  support::page page{"Nuclei", "A U-Net of " + grouped(learner::parameter_count) + " parameters finds objects that touch."};
  page.facts({{decimal(all.seg(), 4), "SEG"}, {decimal(all.det(), 4), "DET"}, {grouped(done.steps), "steps"},
              {decimal(done.seconds, 0) + " s", "of training and scoring"}});
  page.curve({support::series{"SEG", steps, segs}, support::series{"DET", steps, dets}}, "step");
  page.table({"image", "true", "found", "missed", "invented", "merged", "SEG", "DET"}, rows);
  for (std::size_t i = 0; i < std::min<std::size_t>(4, unseen.size()); ++i) {
    page.heading(unseen[i].name);
    page.row({{"Image", support::grey_picture(unseen[i].grey), ""},
              {"Truth", support::object_picture(unseen[i].objects), ""},
              {"Probability of nucleus", support::grey_picture(made[i].second), ""},
              {"Found", support::object_picture(made[i].first.objects), ""},
              {"Weights", support::grey_picture(border_weights{}(separate_touching(unseen[i].objects)), 0, 12),
               "black 0, white 12"}});
  }
  std::vector<double> counted, losses;
  for (std::size_t i = 0; i < done.losses.size(); ++i)
    counted.push_back(static_cast<double>(done.first_step) + static_cast<double>(i) + 1),
        losses.push_back(static_cast<double>(done.losses[i]));
  page.curve("loss of each step", std::move(counted), std::move(losses));
  page.save(s.out / "report.html");
  std::printf("The page: %s\n", fs::absolute(s.out / "report.html").lexically_normal().c_str());
}

int main(int argc, char** argv) {
  CLI::App app{"Trains a small U-Net to find nuclei, each for itself. Without arguments it draws its images."};
  settings s;
  app.add_option("--images", s.images, "folder of PNG or TIFF images, 8 or 16 bits");
  app.add_option("--labels", s.labels, "the same of object numbers, 0 background, in the same order");
  app.add_option("--out", s.out, "folder for page, weights and checkpoints")->capture_default_str();
  app.add_option("--every", s.every, "one image of so many is held out")->check(CLI::Range(2, 1000))->capture_default_str();
  app.add_option("--steps", s.steps, "tiles to learn from")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--epoch", s.epoch, "steps between scores")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--patience", s.patience, "stop after so many epochs without a better SEG; 0: never");
  app.add_option("--rate", s.rate, "learning rate of Adam")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--weights", s.weights, "paper, plugin, or none: the ablation")
      ->check(CLI::IsMember({"paper", "plugin", "none"}))
      ->capture_default_str();
  app.add_option("--views", s.views, "average the final prediction")
      ->check(CLI::IsMember({"none", "square", "seven"}))
      ->capture_default_str();
  app.add_option("--smallest", s.smallest, "pixels; smaller objects are left out")->capture_default_str();
  app.add_option("--apart", s.apart, "pixels; part objects whose cores lie apart at this depth; 0: do not")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_flag("--no-elastic", s.no_elastic, "ablation: without elastic deformation");
  app.add_flag("--resume", s.resume, "go on from the newest checkpoint in the out folder");
  app.add_option("--threads", s.threads, "0: one for each core")->capture_default_str();
  app.add_option("--seed", s.seed, "of all that is random")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    run(s);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "nuclei: %s\n", error.what());
    return 1;
  }
}
