// Segments a TIFF stack of any size, page by page, with weights that another example saved:
//   predict_stack run/weights.safetensors stack.tif out
#include <oxbow/io.hpp>
#include <oxbow/oxbow.hpp>

#include "support/networks.hpp"
#include "support/program.hpp"
using namespace oxbow;

// The networks that were trained, with tiles for seeing: the larger they are, the smaller is the share of their margins.
using small = model<unet_small, tile<512, 512>>;               // of train_folder and membranes_demo
using quarter = model<support::quarter_unet, tile<700, 700>>;  // of em_membranes

struct segmented {
  std::vector<image<float>> probabilities;  ///< of the last class
  std::vector<label_image> labels;
};

template <class Seer>
segmented segment(std::vector<image<float>> const& pages, std::filesystem::path const& weights, int threads) {
  network<Seer, host> net{host{threads}, blank{}};
  load_weights(net, weights);
  segmented made;
  for (auto const& page : pages) {
    auto const every_class = predict(net, page, {.normalise = per_image});
    auto& last = made.probabilities.emplace_back(page.size);
    auto& likeliest = made.labels.emplace_back(page.size);
    for (std::size_t i = 0; i < last.data.size(); ++i) {
      float const* const p = &every_class.data[i * Seer::classes];
      last.data[i] = p[Seer::classes - 1];
      likeliest.data[i] = static_cast<std::uint8_t>(std::max_element(p, p + Seer::classes) - p);
    }
    std::fprintf(stderr, "page %zu of %zu, %s pixels\n", made.labels.size(), pages.size(),
                 size_text(page.size).c_str());
  }
  return made;
}

int main(int argc, char** argv) {
  std::filesystem::path weights, stack, out;
  int threads = 0;
  CLI::App app{"Writes out/probabilities.tif, 32-bit floats of the last class, and out/labels.tif, bytes."};
  app.add_option("weights", weights, "safetensors file of a network")->required();
  app.add_option("stack", stack, "TIFF file with any number of pages, or a PNG file")->required();
  app.add_option("out", out, "folder for the results")->required();
  app.add_option("--threads", threads, "0: one for each core")->capture_default_str();
  return support::program(app, argc, argv, [&] {
    auto const pages = read_images<float>(stack);
    // A file of weights says which network it is of; one that does not is tried as the first.
    bool const of_quarter = read_safetensors(weights).note("schema") == schema_text(quarter::schema);
    segmented const made =
        of_quarter ? segment<quarter>(pages, weights, threads) : segment<small>(pages, weights, threads);
    std::filesystem::create_directories(out);
    write_tiff(out / "probabilities.tif", made.probabilities);
    write_tiff(out / "labels.tif", made.labels);
    std::printf("%zu pages are in %s and labels.tif beside it.\n", pages.size(), (out / "probabilities.tif").c_str());
  });
}
