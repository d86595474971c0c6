// One training example: what a sampler hands out and a training step takes in.
#pragma once
#include <oxbow/core/image.hpp>

namespace oxbow {

/// An input tile with the classes and weights of the pixels that a network predicts from it.
/// shapes  input: tile × channels, labels and weights: output extent × 1, centred in the tile
///         (for whole images, before tiles are cut: all three have the image's extent)
struct sample {
  image<float> input;
  label_image labels;
  image<float> weights;  ///< empty: every pixel weighs 1
};

}  // namespace oxbow
