// A network for one tile: the whole pipeline, and every fact about it as a constant.
#pragma once
#include <limits>

#include <oxbow/check/explain.hpp>
#include <oxbow/check/padding.hpp>
#include <oxbow/core/real.hpp>
#include <oxbow/lower/budget.hpp>
#include <oxbow/lower/differentiate.hpp>
#include <oxbow/lower/inference.hpp>
#include <oxbow/lower/program.hpp>
#include <oxbow/lower/schema.hpp>

namespace oxbow {

// References below are `auto const&`: nvcc 13.0 takes a spelled type for a second initialisation.

// Options of a model, in any order behind the tile.
template <int Count> struct channels {};                       ///< of the image; 1 where nothing is said
template <int Count> struct classes {};                        ///< of the labels: the output must have as many channels
template <std::int64_t Bytes> struct inference_memory {};      ///< a plan that needs more does not compile
template <std::int64_t Bytes> struct training_memory {};       ///< cheap activations are computed again to fit
template <class Loss> struct minimise {};                     ///< what training minimises, any_loss; else cross_entropy
/// Deep supervision: the node or branch of this name learns, too, and its loss counts Weight times that of the output.
/// It has the output's channels. A coarser one is enlarged, so that each of its pixels answers for all labels under it.
template <name Name, real Weight = 1.f> struct supervise {};
/// Winograd's fast convolutions on a CPU. Tile: the largest, 0 (none), 2, 4 or 6. Larger ones multiply less and lose
/// more to rounding: the paper's network 0.5, 0.8 and 2.3 times what it loses with direct sums. Tolerance: what each
/// convolution may be expected to lose, root mean square of the error over that of the result. A layer takes a smaller
/// tile where a larger one would lose more; what loses no more than the direct sum is always allowed
/// (docs/cpu-performance.md). No other back end looks at it.
template <int Tile, real Tolerance = std::numeric_limits<float>::infinity()> struct fast_convolution {};

namespace detail {

struct option_values {
  int channels = 1, classes = 0;
  bool any_classes = true;
  std::int64_t inference_memory = unlimited, training_memory = unlimited;   ///< bytes
  loss_function const* loss = &loss_of<cross_entropy>::self;
  int fast_convolution = 4;
  float fast_tolerance = std::numeric_limits<float>::infinity();
  int losses = 1;  ///< the output's, and those of supervised nodes
};
template <int N> constexpr void read(channels<N>, option_values& o) { o.channels = N; }
template <int N> constexpr void read(classes<N>, option_values& o) { o.classes = N, o.any_classes = false; }
template <std::int64_t N> constexpr void read(inference_memory<N>, option_values& o) { o.inference_memory = N; }
template <std::int64_t N> constexpr void read(training_memory<N>, option_values& o) { o.training_memory = N; }
template <any_loss L> constexpr void read(minimise<L>, option_values& o) { o.loss = &loss_of<L>::self; }
template <int N, real T> requires ((N == 0 || N == 2 || N == 4 || N == 6) && float{T} >= 0)
constexpr void read(fast_convolution<N, T>, option_values& o) { o.fast_convolution = N, o.fast_tolerance = T; }

template <name N, real W> requires (float{W} > 0) constexpr void read(supervise<N, W>, option_values& o) { ++o.losses; }

template <class Option> concept option = requires(Option given, option_values& o) { read(given, o); };

/// What the options say; what is no option says nothing.
template <class... Options> constexpr option_values values_of_options() {
  option_values o;
  [[maybe_unused]] auto const one = [&]<class Option>(type<Option>) {
    if constexpr (option<Option>) read(Option{}, o);
  };
  (one(type<Options>{}), ...);
  return o;
}

/// The loss that the options name last.
template <class Found, class... Options> struct minimised { using type = Found; };
template <class Found, class First, class... Rest>
struct minimised<Found, First, Rest...> : minimised<Found, Rest...> {};
template <class Found, any_loss L, class... Rest>
struct minimised<Found, minimise<L>, Rest...> : minimised<L, Rest...> {};

/// Where a network has a name that its output could be trained under; and its loss.
template <class Loss, class Option> constexpr void supervise_named(Option, flat_graph const&, supervised_values&) {}
template <class Loss, name N, real W>
constexpr void supervise_named(supervise<N, W>, flat_graph const& net, supervised_values& found) {
  int const v = net.find(N);
  if (v != none && net.values[v].channels == net.values[net.output].channels && enlargement_of(net, v).fits)
    found.push({v, &loss_of<weighted_loss<Loss, W>>::self});
}
template <class... Options> constexpr supervised_values supervised_in(flat_graph const& net) {
  supervised_values found;
  (supervise_named<typename minimised<cross_entropy, Options...>::type>(Options{}, net, found), ...);
  return found;
}

/// The tile, or a pixel where there is none, so that every fact stays total.
template <class Tile> struct tile_or_pixel { using type = oxbow::tile<1, 1>; };
template <int... Sizes> requires (sizeof...(Sizes) == 2 || sizeof...(Sizes) == 3)
struct tile_or_pixel<oxbow::tile<Sizes...>> { using type = oxbow::tile<Sizes...>; };
template <class Tile> concept tile_type = std::is_same_v<Tile, typename tile_or_pixel<Tile>::type>;

}  // namespace detail

/// The graphs and programs of a network, before anybody asks whether they may be.
template <class Net, class Tile, class... Options> struct lowered {
  static constexpr detail::option_values options = detail::values_of_options<Options...>();
  static constexpr auto const& traced = detail::explanation<Net, Tile, options.channels>::traced;
  static constexpr auto const& forward = traced.net;
  static constexpr flat_graph predicting = for_inference(forward);
  static constexpr flat_graph differentiated =
      differentiate(forward, *options.loss, detail::supervised_in<Options...>(forward));
  static constexpr auto const& learning = within_budget<differentiated, options.training_memory>();
  using inference = program<predicting>;
  using training = program<learning>;
};

namespace detail {

/// Names the first supervised node that cannot be.
template <name N, std::size_t... I> constexpr auto name_type(std::index_sequence<I...>) {
  return type<name_is<N.text[I]...>>{};
}
template <class Lowered, class Option> struct supervision { using sentence = sound; };
template <class Lowered, name N, real W> struct supervision<Lowered, supervise<N, W>> {
  static constexpr auto const& net = Lowered::forward;
  static constexpr int v = net.find(N);
  using named = typename decltype(name_type<N>(std::make_index_sequence<static_cast<std::size_t>(N.size())>{}))::type;
  template <extent E> static constexpr auto image() {
    if constexpr (Lowered::forward.first_axis == 0) return type<image_is<E.depth, E.height, E.width>>{};
    else return type<image_is<E.height, E.width>>{};
  }
  static constexpr auto rule() {
    if constexpr (v == none) return type<supervised_name_is_known<named>>{};
    else {
      constexpr value is = net.values[v], out = net.values[net.output];
      if constexpr (is.channels != out.channels)
        return type<supervised_node_has_the_outputs_channels<named, channels_differ<is.channels, out.channels>>>{};
      else if constexpr (!enlargement_of(net, v).fits)
        return type<supervised_node_covers_the_output<named, typename decltype(image<is.size>())::type,
                                                      typename decltype(image<out.size>())::type>>{};
      else return type<sound>{};
    }
  }
  using sentence = typename decltype(rule())::type;
};
template <class Lowered> constexpr auto supervision_sentence() { return type<sound>{}; }
template <class Lowered, class First, class... Options> constexpr auto supervision_sentence() {
  using here = typename supervision<Lowered, First>::sentence;
  if constexpr (Lowered::options.losses > limits::losses)
    return type<network_fits_the_limits<room_for::losses<limits::losses>>>{};
  else if constexpr (!std::is_same_v<here, sound>) return type<here>{};
  else return supervision_sentence<Lowered, Options...>();
}

/// The rules that only a lowered network can break.
template <class Lowered> constexpr auto limits_sentence() {
  constexpr option_values o = Lowered::options;
  constexpr int outputs = Lowered::forward.values[Lowered::forward.output].channels;
  if constexpr (!o.any_classes && o.classes != outputs)
    return type<output_has_a_channel_per_class<channels_are<outputs>, classes_are<o.classes>>>{};
  else if constexpr (o.inference_memory != unlimited) {
    if constexpr (Lowered::inference::peak_bytes > o.inference_memory)
      return type<
          inference_fits_the_memory<bytes_needed<Lowered::inference::peak_bytes>, bytes_allowed<o.inference_memory>>>{};
    else return type<sound>{};
  } else return type<sound>{};
}
template <class Lowered> constexpr auto training_sentence() {
  constexpr option_values o = Lowered::options;
  if constexpr (o.training_memory != unlimited) {
    if constexpr (Lowered::training::peak_bytes > o.training_memory)
      return type<
          training_fits_the_memory<bytes_needed<Lowered::training::peak_bytes>, bytes_allowed<o.training_memory>>>{};
    else return type<sound>{};
  } else return type<sound>{};
}

/// Names the first argument that is no option.
template <class First, class... Options> constexpr auto options_sentence() {
  if constexpr (!option<First>) return type<option_is_known<First>>{};
  else return options_sentence<Options...>();
}

/// The first sentence that applies; a network with an unsound graph is not lowered.
template <class Net, class Tile, class... Options> constexpr auto sentence_of() {
  if constexpr (!tile_type<Tile>) return type<tile_has_two_or_three_sizes<Tile>>{};
  else if constexpr (!(option<Options> && ...)) return options_sentence<Options...>();
  else {
    using graph_sentence = explain<Net, Tile, values_of_options<Options...>().channels>;
    if constexpr (!std::is_same_v<graph_sentence, sound>) return type<graph_sentence>{};
    else {
      using lowered_ = lowered<Net, Tile, Options...>;
      using first = typename decltype(limits_sentence<lowered_>())::type;
      using supervised = typename decltype(supervision_sentence<lowered_, Options...>())::type;
      if constexpr (!std::is_same_v<first, sound>) return type<first>{};
      else if constexpr (!std::is_same_v<supervised, sound>) return type<supervised>{};
      else return training_sentence<lowered_>();
    }
  }
}

}  // namespace detail

/// A network for one tile. Everything about it is a constant; one that is not sound is one error.
template <class Net, class Tile, class... Options>
struct model : decltype(detail::sentence_of<Net, Tile, Options...>())::type {
  using tile_type = typename detail::tile_or_pixel<Tile>::type;
  using lowered_ = lowered<Net, tile_type, Options...>;
  using net = Net;
  using inference = typename lowered_::inference;
  using training = typename lowered_::training;

  static constexpr auto const& forward = lowered_::forward;
  static constexpr int first_axis = tile_type::first_axis;                            ///< 1 in 2-D, 0 in 3-D
  static constexpr extent tile = tile_type::size;
  static constexpr int input_channels = lowered_::options.channels;
  static constexpr int largest_fast_tile = lowered_::options.fast_convolution;        ///< of convolutions on a CPU
  static constexpr float fast_tolerance = lowered_::options.fast_tolerance;           ///< what each of them may lose
  static constexpr extent output = forward.values[forward.output].size;
  static constexpr int classes = forward.values[forward.output].channels;
  static constexpr std::int64_t parameter_count = forward.trained_count;              ///< what training changes
  static constexpr std::uint64_t schema = schema_of(forward);

  /// Multiply-adds of one prediction.
  static constexpr std::int64_t multiply_adds = [] {
    auto const needed = needed_for(forward, forward.output);
    std::int64_t sum = 0;
    for (int i = 0; i < forward.forward_ops; ++i)
      if (needed[forward.ops[i].out[0]]) sum += work_of(forward, forward.ops[i]);
    return sum;
  }();
  /// Tile pixels that valid convolutions use up on each side; 0 for networks that keep the size.
  static constexpr extent halo = [] {
    extent h{0, 0, 0};
    for (int a = first_axis; a < 3; ++a) h[a] = tile[a] > output[a] ? (tile[a] - output[a]) / 2 : 0;
    return h;
  }();
  /// Is a pixel of the output as large as one of the tile, and the output the tile's middle? predict and train need it.
  static constexpr bool keeps_scale = [] {
    for (int a = first_axis; a < 3; ++a) {
      ratio const step = step_along(forward, forward.output, a);
      if (step.over != step.under || output[a] > tile[a] || (tile[a] - output[a]) % 2 != 0) return false;
    }
    return true;
  }();
  /// Shifting the image by a multiple of this (tile pixels) shifts the output by as much; other shifts meet the
  /// poolings in another phase.
  static constexpr int alignment = sampling_along(forward, 2).alignment;
  /// Tile pixels to each side that an output pixel can depend on, at most.
  static constexpr extent receptive_radius = [] {
    extent r{0, 0, 0};
    for (int a = first_axis; a < 3; ++a) r[a] = sampling_along(forward, a).radius;
    return r;
  }();

  /// Output pixels on each side that the padding of the tile reaches: overlapping tiles throw them away.
  static constexpr extent padding_reach = [] {
    extent r{0, 0, 0};
    for (int a = first_axis; a < 3; ++a) r[a] = padding_reach_along(forward, a);
    return r;
  }();

  /// Could this be the length of a tile?
  static constexpr bool is_legal(int length) { return length >= 1 && sizes_along(forward, 2, length).legal; }
  /// The smallest legal length from `length` on; 0 if there is none.
  static constexpr int next_tile(int length) { return nearest_legal(forward, 2, length < 1 ? 1 : length, +1); }
  /// What is left of a legal length.
  static constexpr int output_of(int length) { return sizes_along(forward, 2, length).output; }
};

}  // namespace oxbow
