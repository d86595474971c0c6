// The language: layers and combinators. They describe and do nothing; overload sets give them meaning.
#pragma once
#include <oxbow/core/name.hpp>
#include <oxbow/core/real.hpp>

namespace oxbow {

/// What a convolution sees beyond the border. `valid` sees nothing, so that the image shrinks by
/// kernel − 1; the others keep the size (stride 1): zeros, or the image mirrored at its edge pixels.
enum class pad { valid, zero, mirror };

/// Convolution with bias. 2-D or 3-D with the tile; Kernel, Stride and Dilation hold on every axis.
template <int Channels, int Kernel = 3, pad Border = pad::valid, int Stride = 1, int Dilation = 1> struct conv {};

/// Transposed convolution with bias, window and stride Factor: the image grows by Factor.
template <int Channels, int Factor = 2> struct up_conv {};

enum class interpolation { nearest, bilinear };

/// Enlarges by Factor without parameters. Bilinear samples at pixel centres and clamps at the border.
template <int Factor = 2, interpolation How = interpolation::nearest> struct upsample {};

template <int Window = 2> struct max_pool {};  ///< stride = window
template <int Window = 2> struct avg_pool {};  ///< stride = window

/// While training, zeroes each value with probability Rate and scales the rest by 1 / (1 − Rate).
template <real Rate> struct dropout {};

/// Normalisation to mean 0 and variance 1, then a scale and a shift per channel. Statistics are
/// taken over the pixels of one sample: per channel, or per group of channels. batch_norm keeps
/// running statistics (momentum 0.1), predicts with them, and then folds into the convolution before it.
struct batch_norm {};
struct instance_norm {};
template <int Groups> struct group_norm {};

/// Left to right, as data flows.
template <class... Layers> struct seq {};

/// How a skip meets what comes up: cropped to its size and concatenated (the paper), concatenated
/// without cropping, or added.
enum class join { crop, concat, add };

/// y = Decode(join(e, Inner(e))) where e = Encode(x). The nesting is the skip: it has no name to mistype.
template <class Encode, class Inner, class Decode, join How = join::crop> struct level {};

/// y = Body(x) + Project(x); an empty projection is the identity. A smaller body crops the other side.
template <class Body, class Project = seq<>> struct residual {};

/// A network with wires across. A node reads the concatenation of the nodes that it names;
/// "input" is the image; the last node is the output.
template <name Name, class Layer, name... From> struct node {};
template <class... Nodes> struct graph {};

/// Layer on a side branch: what it makes has a name, and what came in flows on. For supervise<Name>; prediction leaves
/// it out.
template <name Name, class Layer> struct branch {};

}  // namespace oxbow
