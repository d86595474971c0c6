// Segments a TIFF stack of any size, page by page, with the weights that train_folder or membranes_demo saved:
//   predict_stack run/weights.safetensors stack.tif out
#include <cstdio>

#include <CLI/CLI.hpp>
#include <oxbow/io.hpp>
#include <oxbow/oxbow.hpp>
using namespace oxbow;

// The network that was trained, with a tile for seeing: the larger it is, the smaller is the share of its margin.
using seer = model<unet_small, tile<512, 512>>;

int main(int argc, char** argv) try {
  std::filesystem::path weights, stack, out;
  int threads = 0;
  CLI::App app{"Writes out/probabilities.tif, 32-bit floats of the last class, and out/labels.tif, bytes."};
  app.add_option("weights", weights, "safetensors file of the network")->required();
  app.add_option("stack", stack, "TIFF file with any number of pages, or a PNG file")->required();
  app.add_option("out", out, "folder for the results")->required();
  app.add_option("--threads", threads, "0: one for each core")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  network<seer, host> net{host{threads}, blank{}};
  load_weights(net, weights);
  auto const pages = read_images<float>(stack);
  std::vector<image<float>> probabilities;
  std::vector<label_image> labels;
  for (auto const& page : pages) {
    auto const every_class = predict(net, page, {.normalise = per_image});
    auto& last = probabilities.emplace_back(page.size);
    auto& likeliest = labels.emplace_back(page.size);
    for (std::size_t i = 0; i < last.data.size(); ++i) {
      float const* const p = &every_class.data[i * seer::classes];
      last.data[i] = p[seer::classes - 1];
      likeliest.data[i] = static_cast<std::uint8_t>(std::max_element(p, p + seer::classes) - p);
    }
    std::fprintf(stderr, "page %zu of %zu, %s pixels\n", labels.size(), pages.size(), size_text(page.size).c_str());
  }
  std::filesystem::create_directories(out);
  write_tiff(out / "probabilities.tif", probabilities);
  write_tiff(out / "labels.tif", labels);
  std::printf("%zu pages are in %s and labels.tif beside it.\n", pages.size(), (out / "probabilities.tif").c_str());
} catch (std::exception const& error) {
  std::fprintf(stderr, "predict_stack: %s\n", error.what());
  return 1;
}
