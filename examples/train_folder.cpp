// Trains on a folder of images and labels, with checkpoints, a log, and weights at the end:
//   train_folder images labels run --steps 5000
// Started again, it goes on where it was stopped or killed, and ends with the same bits as if it never had been.
#include <oxbow/io.hpp>
#include <oxbow/oxbow.hpp>

#include "support/folder.hpp"
#include "support/program.hpp"
using namespace oxbow;

// What predict_stack takes the weights of, with a tile of its own.
using net_type = unet_small;
using learner = model<net_type, tile<128, 128>>;

int main(int argc, char** argv) {
  std::filesystem::path images, labels, out;
  std::int64_t steps = 5000, every = 500;
  int threads = 0;
  bool anew = false;
  CLI::App app{"Trains a small U-Net to tell two classes apart. Labels are 0 and 1, or 0 and 255; 128 is ignored."};
  app.add_option("images", images, "folder of PNG or TIFF images, or a TIFF stack")->required();
  app.add_option("labels", labels, "the same of their labels, in the same order")->required();
  app.add_option("out", out, "folder for checkpoints, log and weights")->required();
  app.add_option("--steps", steps, "of the whole run, those before a stop included")->capture_default_str();
  app.add_option("--checkpoint-every", every, "steps")->capture_default_str();
  app.add_option("--threads", threads, "0: one for each core")->capture_default_str();
  app.add_flag("--anew", anew, "do not go on from the newest checkpoint");
  return support::program(app, argc, argv, [&] {
    auto all = support::read_pairs(images, labels, [](std::filesystem::path const& file) {
      return read_label_stack(file, 2, {{0, 0}, {1, 1}, {255, 1}, {128, label_map::ignore}});
    });
    std::printf("%zu images.\n", all.size());
    samples const data{std::move(all.images), std::move(all.labels), {}, per_image};

    std::filesystem::create_directories(out);
    auto const warn = [](std::string const& text) { std::fprintf(stderr, "%s\n", text.c_str()); };
    network<learner, host> net{host{threads}, seed{1}};
    auto const done = train(net, data,
                            {.optimizer = adam{.rate = 2e-3f},
                             .schedule = cosine{.warm_up = 20},
                             .augment = elastic{.sigma = 6} | rotate{} | mirror{} | grey{.black = -2, .white = 2},
                             .steps = steps,
                             .clip = 1,
                             .checkpoints = checkpoints{out / "checkpoints", 2, warn},
                             .checkpoint_every = every,
                             .resume = !anew,
                             .log = csv_log{out / "loss.csv"},
                             .progress = progress_bar{}});
    save_weights(net, out / "weights.safetensors");
    if (done.first_step > 0) std::printf("Went on from step %lld.\n", static_cast<long long>(done.first_step));
    std::printf("%lld steps, average loss %.4f. The weights are in %s\n", static_cast<long long>(done.steps),
                done.average_loss, (out / "weights.safetensors").c_str());
  });
}
