// What networks are on every back end: their parameters' tensors, and what they are given.
#pragma once
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/wording.hpp>
#include <oxbow/lower/names.hpp>

namespace oxbow {

/// The number that everything random is a function of.
struct seed {
  std::uint64_t value = 0;
};

/// In place of a seed: parameters begin as zeros. For who reads them from a file at once, and would wait for random
/// numbers in vain.
struct blank {};

/// One tensor of a network's parameters: what files and initial values need to know about it.
struct network_tensor {
  std::string name;  ///< level1.encode.conv1.weight
  std::vector<std::int64_t>
      shape;  ///< (out, in, height, width) for a convolution, with depth in 3-D; (in, out, …) for an up-convolution
  std::span<float> data;
  std::int64_t offset = 0, count = 0;  ///< elements, in the arena
  std::int64_t fan_in = 0;             ///< inputs that one output sums up; 0 for all but weights
  float fill = 0;                      ///< what all but weights begin as
};

template <class Model, class Backend> class network;

namespace detail {

/// An up-convolution's window is its stride: each output sums over the inputs once.
inline std::int64_t fan_in_of(flat_graph const& net, parameter const& p) {
  for (auto const& o : net.ops)
    if (o.kind == op_kind::up_convolve && o.parameter != none && &net.parameters[o.parameter] == &p) return p.rows;
  return p.columns * p.window.volume();
}

}  // namespace detail

/// The tensors of a network's parameters, in their order. first_axis: the model's
inline std::vector<network_tensor> tensors_of(flat_graph const& net, int first_axis, std::span<float> parameters) {
  std::vector<network_tensor> list;
  for (auto const& p : net.parameters) {
    network_tensor t{parameter_name(net, p),
                     {p.rows},
                     parameters.subspan(static_cast<std::size_t>(p.offset), static_cast<std::size_t>(p.count())),
                     p.offset,
                     p.count()};
    if (p.is == role::weight) {
      t.shape.push_back(p.columns);
      for (int a = first_axis; a < 3; ++a) t.shape.push_back(p.window[a]);
      t.fan_in = detail::fan_in_of(net, p);
    }
    t.fill = p.is == role::scale || p.is == role::running_variance ? 1.f : 0.f;
    list.push_back(std::move(t));
  }
  return list;
}

/// Throws std::invalid_argument unless an image has the size and the channels that a network takes.
inline void require_image(char const* what, extent size, int channels, extent wanted, int wanted_channels) {
  if (size == wanted && channels == wanted_channels) return;
  throw std::invalid_argument(std::string{what} + " must be " + size_text(wanted) + " with " +
                              std::to_string(wanted_channels) + " channel(s), and is " + size_text(size) + " with " +
                              std::to_string(channels) + ". Use predict() for images of another size.");
}

/// How many labels are not `ignored`. Throws std::invalid_argument at a label that is no class.
inline std::int64_t count_labels(image_view<std::uint8_t const> labels, int classes) {
  std::int64_t n = 0;
  for (std::int64_t i = 0; i < labels.count(); ++i) {
    int const label = labels.data[i];
    if (label == ignored) continue;
    if (label >= classes)
      throw std::invalid_argument("the label at " + place_text(labels.size, i) + " is " + std::to_string(label) +
                                  ", but the network has " + std::to_string(classes) +
                                  " classes. Map the labels, or mark the pixel as ignored (255).");
    ++n;
  }
  return n;
}
/// The same for those of a model, whose classes a label has to have room for.
template <class Model> std::int64_t count_labels(image_view<std::uint8_t const> labels) {
  static_assert(Model::classes <= ignored, "loss: labels are bytes and 255 means ignored. Use at most 255 classes.");
  return count_labels(labels, Model::classes);
}

}  // namespace oxbow
