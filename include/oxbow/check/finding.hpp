// The rules of the language, and the record of the first one that a network breaks.
#pragma once
#include <oxbow/core/extent.hpp>
#include <oxbow/graph/path.hpp>

namespace oxbow {

/// Each rule is a statement that holds for a sound network; its sentence is in check/rules.hpp.
enum class rule : unsigned char {
  none,
  network_fits_the_limits,
  image_is_not_empty,
  layer_has_a_meaning,
  counts_are_positive,
  rate_is_below_one,
  padding_needs_an_odd_kernel,
  groups_divide_the_channels,
  pooling_divides_the_size,
  maximum_has_a_byte,
  stride_divides_the_size,
  convolution_fits_the_image,
  mirror_fits_the_image,
  skip_covers_the_upsampled,
  crop_is_centred,
  join_has_equal_sizes,
  sum_has_equal_channels,
  name_is_known,
  name_is_new,
  name_comes_earlier,
  node_reads_something,
};

/// What a network can have too many of; the limits are in graph/limits.hpp.
enum class room : unsigned char { ops, names, tensors, layers, steps_of_a_path };

/// Names a layer's type in a value, so that a compiler can print it in an error.
struct layer_tag {};
template <class Layer> struct tag_of { static constexpr layer_tag self{}; };

/// The first rule a network breaks, and the facts that a reader needs to repair it.
struct finding {
  rule broken = rule::none;
  path where{};
  name names[4]{};  ///< of the nodes in `where`, as far as there are any, and of the culprit
  layer_tag const* layer = nullptr;
  extent left{}, right{};
  int left_count = 0, right_count = 0;  ///< channels, or whatever the rule counts; of a limit the room and its size
};

}  // namespace oxbow
