// Writes synthetic images of cells and their labels into folders: something to try the other examples on.
#include <oxbow/io/png.hpp>
#include <oxbow/io/tiff.hpp>

#include "support/cells.hpp"
#include "support/program.hpp"

int main(int argc, char** argv) {
  std::filesystem::path out = "cells";
  int count = 6, size = 512, stack = 0;
  std::uint64_t seed = 1;
  CLI::App app{"Writes images/NN.png and labels/NN.png (0 membrane, 255 interior), and if asked for stack.tif."};
  app.add_option("out", out, "folder for the files")->capture_default_str();
  app.add_option("--count", count, "pictures")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--size", size, "pixels on each side")->check(CLI::Range(16, 4096))->capture_default_str();
  app.add_option("--stack", stack, "pages of stack.tif, other pictures without labels")->check(CLI::Range(0, 1000));
  app.add_option("--seed", seed, "of all that is random")->capture_default_str();
  return support::program(app, argc, argv, [&] {
    std::filesystem::create_directories(out / "images");
    std::filesystem::create_directories(out / "labels");
    auto const draw = [&](int number) {
      return support::draw_cells({.size = {1, size, size}, .seed = seed, .number = static_cast<std::uint32_t>(number)});
    };
    for (int i = 0; i < count; ++i) {
      auto cells = draw(i);
      for (auto& label : cells.labels.data) label = label ? 255 : 0;
      std::string const name = (i < 10 ? "0" : "") + std::to_string(i) + ".png";
      oxbow::write_png(out / "images" / name, cells.grey);
      oxbow::write_png(out / "labels" / name, cells.labels);
    }
    std::vector<oxbow::image<float>> pages;
    for (int i = 0; i < stack; ++i) pages.push_back(draw(1000 + i).grey);
    if (stack > 0) oxbow::write_tiff(out / "stack.tif", pages);
    std::printf("%d pictures and a stack of %d pages are in %s\n", count, stack, out.c_str());
  });
}
