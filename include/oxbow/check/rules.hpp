// One struct per rule. Its name says what must hold, its arguments are the facts, its sentence the repair.
#pragma once
#include <oxbow/core/extent.hpp>

namespace oxbow {

template <class...> inline constexpr bool never = false;

// The facts. Type names are what every compiler prints in full; never<…> repeats them, since
// clang shows the failed condition on the very line of the error.
template <int... Sizes> struct image_is;  ///< the size of the image at this place
template <int... Sizes> struct window_is;
template <int... Sizes> struct border_is;
template <int... Sizes> struct stride_is;
template <int... Sizes> struct skip_is;
template <int... Sizes> struct joined_with;
template <int Count> struct channels_are;
template <int Left, int Right> struct channels_differ;
template <int Count> struct count_is;
template <int Count> struct groups_are;
template <int Count> struct classes_are;
namespace room_for {
template <int Limit> struct ops;
template <int Limit> struct names;
template <int Limit> struct tensors;
template <int Limit> struct layers;
template <int Limit> struct steps_of_a_path;
template <int Limit> struct losses;
}  // namespace room_for
template <long long Bytes> struct bytes_needed;
template <long long Bytes> struct bytes_allowed;
template <auto* Tag> struct layer_is;  ///< prints as the address of the layer's tag, which names it
template <char... Letters> struct name_is;
template <class Below, class Above> struct nearest;  ///< legal tiles
struct no_legal_tile;

// The places, as in at<where::level<3>, where::decode, where::conv<1>>.
template <class... Steps> struct at;
namespace where {
template <int> struct level;
struct encode;
struct inner;
struct decode;
struct join;
struct body;
struct project;
template <char...> struct node;
template <char...> struct source;
template <int> struct seq;
template <int> struct residual;
template <int> struct graph;
template <int> struct conv;
template <int> struct up_conv;
template <int> struct upsample;
template <int> struct max_pool;
template <int> struct avg_pool;
template <int> struct dropout;
template <int> struct activation;
template <int> struct batch_norm;
template <int> struct instance_norm;
template <int> struct group_norm;
template <int> struct layer;
}  // namespace where

struct sound {};  ///< what a network with nothing to explain inherits

template <class Room> struct network_fits_the_limits {
  static_assert(never<Room>,
                "the network has more of these than the compile-time compiler has room for. Raise the number in "
                "graph/limits.hpp.");
};
template <class Tile, class Channels> struct image_is_not_empty {
  static_assert(never<Tile, Channels>,
                "the sizes of the tile and the channels of its image must be 1 or more. Correct tile or channels.");
};
template <class At, class Layer> struct layer_has_a_meaning {
  static_assert(never<At, Layer>,
                "this is no layer: it has neither an overload trace(layer, tracer&) nor value and derivative. Write "
                "one of them beside it.");
};
template <class At, class Layer, class Count> struct counts_are_positive {
  static_assert(never<At, Layer, Count>,
                "channels, kernel, stride, dilation, window and factor must be 1 or more. Correct the count.");
};
template <class At, class Layer> struct rate_is_below_one {
  static_assert(never<At, Layer>,
                "dropout: the rate must be at least 0 and below 1. It is the share of values that are dropped.");
};
template <class At, class Layer, class Kernel> struct padding_needs_an_odd_kernel {
  static_assert(never<At, Layer, Kernel>,
                "conv: padding keeps the size only with an odd kernel. Use an odd kernel, or pad::valid.");
};
template <class At, class Layer, class Channels, class Groups> struct groups_divide_the_channels {
  static_assert(never<At, Layer, Channels, Groups>,
                "group_norm: the channels must be a multiple of the groups. Change one of the two.");
};
template <class At, class Layer, class Image, class Window, class Nearest> struct pooling_divides_the_size {
  static_assert(
      never<At, Layer, Image, Window, Nearest>,
      "pooling: the image must be a multiple of the window here. Use one of the nearest tiles, or zero padding.");
};
template <class At, class Layer, class Window> struct maximum_has_a_byte {
  static_assert(never<At, Layer, Window>,
                "max_pool: the window has more than 256 pixels, and training keeps the place of the largest in a byte. "
                "Use a smaller window, or several poolings.");
};
template <class At, class Layer, class Image, class Stride, class Nearest> struct stride_divides_the_size {
  static_assert(never<At, Layer, Image, Stride, Nearest>,
                "conv: the stride must divide the image (with padding) or what the window leaves of it. Use one of the "
                "nearest tiles.");
};
template <class At, class Layer, class Image, class Window, class Nearest> struct convolution_fits_the_image {
  static_assert(never<At, Layer, Image, Window, Nearest>,
                "conv: the image is smaller than the window here: valid convolutions have used it up. Use one of the "
                "nearest tiles, or fewer levels.");
};
template <class At, class Layer, class Image, class Border, class Nearest> struct mirror_fits_the_image {
  static_assert(
      never<At, Layer, Image, Border, Nearest>,
      "conv: the image is too small to mirror its border here. Use one of the nearest tiles, or fewer levels.");
};
template <class At, class Layer, class Skip, class Joined, class Nearest> struct skip_covers_the_upsampled {
  static_assert(never<At, Layer, Skip, Joined, Nearest>,
                "join: the skip is smaller than what it meets. Go up as often as down inside this level.");
};
template <class At, class Layer, class Skip, class Joined, class Nearest> struct crop_is_centred {
  static_assert(never<At, Layer, Skip, Joined, Nearest>,
                "join: the skip cannot be cropped by the same amount on both sides. Use one of the nearest tiles.");
};
template <class At, class Layer, class Skip, class Joined, class Nearest> struct join_has_equal_sizes {
  static_assert(never<At, Layer, Skip, Joined, Nearest>,
                "join: the images that meet here differ in size. Use padding, join::crop, or as many up_conv as "
                "max_pool on both ways.");
};
template <class At, class Layer, class Channels> struct sum_has_equal_channels {
  static_assert(never<At, Layer, Channels>,
                "sum: the two sides differ in channels. Project one of them: residual<body, conv<channels, 1>>.");
};
template <class At, class Name> struct name_is_known {
  static_assert(never<At, Name>, "graph: no node has this name. Spell it as a node does, or read \"input\".");
};
template <class At, class Name> struct name_is_new {
  static_assert(never<At, Name>, "graph: two nodes or branches have this name. Rename one.");
};
template <class At, class Name> struct name_comes_earlier {
  static_assert(
      never<At, Name>,
      "graph: this node is read before it is made: the graph has a cycle, or is out of order. Move the node up.");
};
template <class At> struct node_reads_something {
  static_assert(never<At>, "graph: this node reads nothing. Name what it reads, or \"input\".");
};
template <class Tile> struct tile_has_two_or_three_sizes {
  static_assert(never<Tile>, "model: behind the network comes tile<height, width>, or tile<depth, height, width>.");
};
template <class Option> struct option_is_known {
  static_assert(never<Option>,
                "model: behind the tile come channels<N>, classes<N>, inference_memory<N>, training_memory<N>, "
                "minimise<loss>, supervise<name, weight above 0> and fast_convolution<0, 2, 4 or 6, tolerance from 0 "
                "on>, and nothing else. "
                "A loss has a value and a derivative, for float and double.");
};
template <class Name> struct supervised_name_is_known {
  static_assert(never<Name>, "supervise: nothing has this name. Spell it as a node or branch of the network does.");
};
template <class Name, class Channels> struct supervised_node_has_the_outputs_channels {
  static_assert(never<Name, Channels>,
                "supervise: what is supervised must have as many channels as the output. Let a conv<classes, 1> be its "
                "last layer.");
};
template <class Name, class Node, class Output> struct supervised_node_covers_the_output {
  static_assert(never<Name, Node, Output>,
                "supervise: enlarged to the pixels of the output, this must reach as far as it or further, on both "
                "sides alike. Supervise a place before more convolutions, or use zero padding.");
};
template <class Output, class Classes> struct output_has_a_channel_per_class {
  static_assert(never<Output, Classes>,
                "the network's output must have one channel per class of the labels. Change the last convolution, or "
                "classes<N>.");
};
template <class Needed, class Allowed> struct inference_fits_the_memory {
  static_assert(never<Needed, Allowed>,
                "inference needs more memory than inference_memory<N> allows. Use a smaller tile or fewer channels.");
};
template <class Needed, class Allowed> struct training_fits_the_memory {
  static_assert(never<Needed, Allowed>,
                "training needs more memory than training_memory<N> allows, even with cheap activations computed "
                "again. Use a smaller tile or fewer channels.");
};

}  // namespace oxbow
