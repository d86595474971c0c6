// Synthetic electron microscopy: cells with thin dark membranes, and the truth about them.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "fields.hpp"
#include "organelles.hpp"
#include "tissue.hpp"

namespace support {

/// What to draw. Equal options give equal pictures.
struct cell_options {
  extent size{1, 512, 512};
  std::uint64_t seed = 1;
  std::uint32_t number = 0;  ///< of the picture in its series
  float noise = 0.055f;      ///< deviation of the camera's noise; white is 1
  float faintness = 0.8f;    ///< how much of a membrane's darkness is lost where it fades; 1: all of it
  float organelles = 1;      ///< how crowded the cells are inside
};

/// A picture and its truth.
struct cell_picture {
  image<float> grey;                ///< 0 … 1 in steps of 1/255, so that 8-bit files lose nothing
  oxbow::instance_image instances;  ///< cells from 1 on, 0 is membrane
  oxbow::label_image labels;        ///< 0 membrane, 1 interior
};

/// Draws tissue as a microscope might show it. Vesicles, mitochondria and granules are as dark as membranes, and some
/// membranes fade away, so that a pixel's class follows from its surroundings and not from its grey value.
/// cost  about 0.3 s for 512 × 512
inline cell_picture draw_cells(cell_options const& options = {}) {
  extent const size = options.size;
  auto const random = [&](std::uint32_t what) {
    return oxbow::random_stream{options.seed, oxbow::purpose::example_data, options.number, what};
  };
  tissue const cells = grow_tissue(size, random);

  cell_picture made{image<float>(size), cells.instances, oxbow::label_image(size)};
  for (std::size_t i = 0; i < made.labels.data.size(); ++i) made.labels.data[i] = made.instances.data[i] != 0;

  // Cytoplasm: a tone per cell, and a grain whose strength differs from cell to cell.
  noise_field const cloud(size, 40, random(20)), grain(size, 5, random(21)), fine(size, 2.3f, random(22));
  oxbow::random_stream const tones = random(23);
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x) {
      auto const cell = static_cast<std::uint64_t>(made.instances(y, x));
      float const tone = 0.6f + 0.05f * tones.normal(2 * cell);
      float const rough = tones.uniform(4 * cell + 3, 0.6f, 1.7f);
      made.grey(y, x) = tone + 0.025f * cloud(y, x) + rough * (0.04f * grain(y, x) + 0.045f * fine(y, x));
    }

  paint_organelles(made.grey, cells, random, options.organelles);

  // Membranes: a dark line in a dim band, softer where they were cut at a slant, fading here and there.
  noise_field const fade(size, 26, random(30)), slant(size, 70, random(31)), spots(size, 4, random(32));
  image<float> membrane(size);
  for (std::size_t i = 0; i < membrane.data.size(); ++i) membrane.data[i] = made.instances.data[i] == 0;
  image<float> const band = blurred(membrane, 1), wide = blurred(membrane, 4.5f);
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x) {
      // The field lies below −0.3 on about a third of its area.
      float const gone = options.faintness * (1 - smooth_step(-0.9f, -0.1f, fade(y, x)));
      float const smear = smooth_step(0.5f, 1.3f, slant(y, x));
      float const middle = detail::line(cells.to_border(y, x) - 0.5f, 1.6f);
      float const crisp = (1 - gone) * (1 - 0.5f * smear) * std::max(0.6f * band(y, x), middle * band(y, x));
      float const dark = std::clamp(crisp + smear * wide(y, x), 0.f, 1.f);
      float const ink = 0.2f + 0.06f * spots(y, x);
      made.grey(y, x) += dark * (ink - made.grey(y, x));
    }

  // The microscope: unsharp, unevenly lit, noisy; part of the noise is passed on between neighbours.
  made.grey = blurred(std::move(made.grey), 0.7f);
  oxbow::random_stream const shot = random(40), drift = random(41);
  image<float> correlated(size);
  for (std::size_t i = 0; i < correlated.data.size(); ++i) correlated.data[i] = drift.normal(i);
  correlated = blurred(std::move(correlated), 0.8f);
  noise_field const light(size, 240, random(42));
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x) {
      auto const i = static_cast<std::uint64_t>(size.index(0, y, x));
      float const noisy = made.grey(y, x) * (1 + 0.05f * light(y, x)) +
                          options.noise * (0.8f * shot.normal(i) + 1.4f * correlated(y, x));
      made.grey(y, x) = std::round(255 * std::clamp(noisy, 0.f, 1.f)) / 255;
    }
  return made;
}

}  // namespace support
