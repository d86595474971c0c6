// What pixels weigh: classes in balance, and the narrow background between objects most of all.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <oxbow/objects/components.hpp>
#include <oxbow/objects/nearest.hpp>

namespace oxbow {

/// A weight per class, such that all classes that occur weigh equally much in all and pixels weigh 1 on average:
/// c_k = pixels / (classes that occur · pixels of class k). Ignored pixels are not counted; a class that does not
/// occur gets 0, and nothing weighs anything where every pixel is ignored.
/// throws  std::invalid_argument naming the pixel of a label that is no class
inline std::vector<float> class_balance(std::span<label_image const> images, int classes) {
  if (classes < 1 || classes > ignored)
    throw std::invalid_argument("class_balance: there can be 1 to 255 classes, and not " + std::to_string(classes) +
                                ".");
  std::vector<std::int64_t> pixels(static_cast<std::size_t>(classes), 0);
  std::int64_t all = 0, present = 0;
  for (label_image const& labels : images)
    for (std::size_t i = 0; i < labels.data.size(); ++i) {
      if (labels.data[i] == ignored) continue;
      if (labels.data[i] >= classes)
        throw std::invalid_argument("class_balance: the label at " +
                                    place_text(labels.size, static_cast<std::int64_t>(i)) + " is " +
                                    std::to_string(labels.data[i]) + ", but there are " + std::to_string(classes) +
                                    " classes; map it to one of them, or to 255 (ignored).");
      ++pixels[labels.data[i]];
      ++all;
    }
  for (std::int64_t const n : pixels) present += n > 0;
  std::vector<float> weights(pixels.size(), 0.f);
  for (std::size_t k = 0; k < pixels.size(); ++k)
    if (pixels[k] > 0)
      weights[k] = static_cast<float>(static_cast<double>(all) / (static_cast<double>(present) *
                                                                  static_cast<double>(pixels[k])));
  return weights;
}
inline std::vector<float> class_balance(label_image const& labels, int classes) {
  return class_balance(std::span<label_image const>{&labels, 1}, classes);
}

/// Objects as two classes: 1 where there is one, 0 elsewhere.
inline label_image foreground(instance_image const& objects) {
  label_image labels(objects.size);
  for (std::size_t i = 0; i < labels.data.size(); ++i) labels.data[i] = objects.data[i] != 0;
  return labels;
}

/// Parts objects that touch, so that a network of two classes can tell them apart: pixels of an object that have
/// a pixel of another one in their 3 × 3 (× 3) neighbourhood become background. A gap of 2 takes pixels on both sides;
/// one of 1 looks at the half of the neighbourhood that comes before a pixel, and so takes them on one side.
/// source  Ronneberger et al. 2015, section 3: "separation border … computed using morphological operations"; the half
///         neighbourhood is that of the authors' plugin, Falk et al., Nature Methods 16, 2019
inline instance_image separate_touching(instance_image const& objects, int gap = 1, across space = across::slices) {
  if (gap != 1 && gap != 2)
    throw std::invalid_argument("separate_touching: a gap is 1 or 2 pixels wide, and not " + std::to_string(gap) +
                                ".");
  instance_image apart = objects;
  extent const size = objects.size;
  neighbourhood const steps(neighbours::corners, space);
  std::size_t i = 0;
  for (int z = 0; z < size.depth; ++z)
    for (int y = 0; y < size.height; ++y)
      for (int x = 0; x < size.width; ++x, ++i) {
        std::int32_t const own = objects.data[i];
        if (own == 0) continue;
        auto const another = [&](int dz, int dy, int dx) {
          if (!size.contains(z + dz, y + dy, x + dx)) return false;
          std::int32_t const there = objects.data[static_cast<std::size_t>(size.index(z + dz, y + dy, x + dx))];
          return there != 0 && there != own;
        };
        for (auto const& s : steps)
          if (another(s.z, s.y, s.x) || (gap == 2 && another(-s.z, -s.y, -s.x))) {
            apart.data[i] = 0;
            break;
          }
      }
  return apart;
}

/// The weight of each pixel, from objects or from labels whose components are the objects:
///   on an object   c
///   elsewhere      c · (far + (1 − far) · exp(−d1² / 2·far_sigma²)) + border · exp(−(d1 + d2)² / 2·sigma²)
/// with c the weight of the pixel's class, and d1 and d2 the distances in pixels to the nearest two objects. Where
/// there are fewer objects their term is 0. As it stands it is the paper's, w_c + w0 · exp(−(d1 + d2)² / 2σ²); from
/// labels ignored pixels weigh 0. It makes the weights of training data: samples(images, labels, border_weights{}).
///
/// cost    as find_nearest_objects, and two exponentials a pixel
/// source  Ronneberger et al. 2015, equation 2: w0 = 10, σ ≈ 5 pixels
struct border_weights {
  float border = 10, sigma = 5;
  std::vector<float> class_weights = {};  ///< one per class; empty: class_balance of the image itself
  float far = 1, far_sigma = 1;           ///< what background weighs far from objects, and how soon it is far
  pixel_spacing spacing = {};             ///< depth infinite: slices are images of their own
  neighbours joined = neighbours::faces;  ///< which pixels of a label image make one object
  std::uint8_t background = 0;            ///< the class that is no object

  /// The weights of the authors' later plugin: objects weigh 1, background .1 and near objects up to 1, borders 50.
  /// source  Falk et al., Nature Methods 16, 2019, supplement: λ = 50, σ_sep = 6, v_bal = .1, σ_bal = 10 pixels
  static border_weights plugin() {
    return {.border = 50, .sigma = 6, .class_weights = {1, 1}, .far = 0.1f, .far_sigma = 10};
  }

  /// Objects and background, classes 1 and 0.
  image<float> operator()(instance_image const& objects) const {
    label_image const labels = foreground(objects);
    return weigh(labels, objects, weights_of(labels, 2), 0);
  }

  image<float> operator()(label_image const& labels) const {
    int classes = background + 1;
    for (std::uint8_t const c : labels.data)
      if (c != ignored && c >= classes) classes = c + 1;
    auto const across_space = std::isinf(spacing.z) ? across::slices : across::volume;
    return weigh(labels, components_of(labels, joined, across_space, background).objects, weights_of(labels, classes),
                 background);
  }

 private:
  std::vector<float> weights_of(label_image const& labels, int classes) const {
    if (class_weights.empty()) return class_balance(labels, classes);
    if (class_weights.size() < static_cast<std::size_t>(classes))
      throw std::invalid_argument("border_weights: there are " + std::to_string(class_weights.size()) +
                                  " class weights and labels of " + std::to_string(classes) +
                                  " classes; give one per class, or none for their balance.");
    return class_weights;
  }

  image<float> weigh(label_image const& labels, instance_image const& objects, std::vector<float> const& by_class,
                     std::uint8_t none) const {
    for (float const s : {sigma, far_sigma})
      if (!(s > 0)) throw std::invalid_argument("border_weights: sigma and far_sigma must be above 0.");
    auto const near = find_nearest_objects(objects, spacing);
    double const narrow = -0.5 / (double{sigma} * sigma), wide = -0.5 / (double{far_sigma} * far_sigma);
    image<float> made(labels.size);
    for (std::size_t i = 0; i < made.data.size(); ++i) {
      std::uint8_t const label = labels.data[i];
      if (label == ignored) continue;
      double weight = static_cast<double>(by_class[label]);
      if (label == none) {
        double const d1 = near.at[i].first.squared, d2 = near.at[i].second.squared;
        if (far != 1) weight *= far + (1 - double{far}) * std::exp(wide * d1);
        if (!std::isinf(d2)) {
          double const sum = std::sqrt(d1) + std::sqrt(d2);
          weight += border * std::exp(narrow * sum * sum);
        }
      }
      made.data[i] = static_cast<float>(weight);
    }
    return made;
  }
};

}  // namespace oxbow
