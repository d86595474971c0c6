// Draws the documentation's figures of augmentation and border weights:
//   draw_figures docs/pictures
#include <oxbow/io/png.hpp>
#include <oxbow/oxbow.hpp>

#include "support/nuclei.hpp"
#include "support/pictures.hpp"
#include "support/program.hpp"
using namespace oxbow;

/// Lines every 16 pixels on a bright ground, with a few cells between them.
image<float> grid(int size) {
  image<float> made({1, size, size}, 1, 0.9f);
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x)
      if (y % 16 == 0 || x % 16 == 0) made(y, x) = y % 64 == 0 || x % 64 == 0 ? 0.f : 0.45f;
  return made;
}

void paste(support::byte_image const& what, support::byte_image& onto, int top, int left) {
  for (int y = 0; y < what.size.height; ++y)
    for (int x = 0; x < what.size.width; ++x)
      for (int c = 0; c < onto.channels; ++c)
        onto(top + y, left + x, c) = what(y, x, what.channels == 1 ? 0 : c);
}

/// A weight as a colour: dark blue for little, over green to yellow for much, on a logarithmic scale from 1/4 to 16.
support::byte_image weight_picture(image<float> const& weights) {
  support::byte_image made(weights.size, 3);
  for (std::size_t i = 0; i < weights.data.size(); ++i) {
    float const t = std::clamp((std::log2(std::max(weights.data[i], 1e-6f)) + 2) / 6, 0.f, 1.f);
    float const part[3] = {255 * std::clamp(2 * t - 0.9f, 0.f, 1.f), 255 * std::clamp(1.1f * t, 0.f, 0.95f),
                           255 * (0.35f + 0.3f * std::sin(3.1416f * t) - 0.3f * t)};
    for (std::size_t c = 0; c < 3; ++c) made.data[3 * i + c] = static_cast<std::uint8_t>(part[c] + 0.5f);
  }
  return made;
}

int main(int argc, char** argv) {
  std::filesystem::path out = ".";
  CLI::App app{"Draws the figures of augmentation and border weights."};
  app.add_option("out", out, "folder for the pictures")->capture_default_str();
  return support::program(app, argc, argv, [&] {
    std::filesystem::create_directories(out);

    // A grid deformed ten ways by the paper's displacements, and beside its original.
    constexpr int size = 193, gap = 6;
    sample const source{grid(size), {}, {}};
    support::byte_image sheet({1, 2 * size + gap, 5 * size + 4 * gap}, 1, 255);
    for (std::uint32_t k = 0; k < 10; ++k) {
      auto const drawn = draw(elastic{.grid = 3, .sigma = 10}, random_key{1, k, 0}, source.input.size);
      auto const made = gather(source, drawn, {0, 0, 0}, source.input.size, source.input.size);
      paste(support::grey_picture(made.input), sheet, static_cast<int>(k / 5) * (size + gap),
            static_cast<int>(k % 5) * (size + gap));
    }
    write_png(out / "deformations.png", sheet);

    // Nuclei, their objects parted, the paper's weights and the plugin's.
    auto const made = support::draw_nuclei({1, 200, 260}, 4, 2);
    auto const apart = separate_touching(made.objects);
    support::byte_image row({1, 200, 4 * 260 + 3 * gap}, 3, 255);
    paste(support::grey_picture(made.grey, 150, 1100), row, 0, 0);
    paste(support::object_picture(apart), row, 0, 260 + gap);
    paste(weight_picture(border_weights{}(apart)), row, 0, 2 * (260 + gap));
    paste(weight_picture(border_weights::plugin()(apart)), row, 0, 3 * (260 + gap));
    write_png(out / "border_weights.png", row);
    std::printf("deformations.png and border_weights.png are in %s\n", out.c_str());
  });
}
