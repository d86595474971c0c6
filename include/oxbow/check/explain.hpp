// The front door: a sound network, or one error whose type is the whole explanation.
#pragma once
#include <type_traits>
#include <utility>

#include <oxbow/check/rules.hpp>
#include <oxbow/check/tiles.hpp>
#include <oxbow/check/trace.hpp>

namespace oxbow {
namespace detail {

// Nothing below is instantiated for a network that is sound.

template <class T> using type = std::type_identity<T>;

/// A name of the finding, letter by letter. By reference: g++ 12 cannot take the name itself from a constant.
template <template <char...> class Label, finding const& F, int N, std::size_t... I>
constexpr auto spelled(std::index_sequence<I...>) {
  return type<Label<F.names[N].text[I]...>>{};
}
template <template <char...> class Label, finding const& F, int N> using spelled_out =
    typename decltype(spelled<Label, F, N>(
        std::make_index_sequence<static_cast<std::size_t>(F.names[N].size())>{}))::type;

/// One step of a path as a type.
template <word W, int Number, finding const& F, int Name> constexpr auto step_type() {
  if constexpr (W == word::level) return type<where::level<Number>>{};
  else if constexpr (W == word::encode) return type<where::encode>{};
  else if constexpr (W == word::inner) return type<where::inner>{};
  else if constexpr (W == word::decode) return type<where::decode>{};
  else if constexpr (W == word::join) return type<where::join>{};
  else if constexpr (W == word::body) return type<where::body>{};
  else if constexpr (W == word::project) return type<where::project>{};
  else if constexpr (W == word::node) return type<spelled_out<where::node, F, Name>>{};
  else if constexpr (W == word::source) return type<spelled_out<where::source, F, Name>>{};
  else if constexpr (W == word::seq) return type<where::seq<Number>>{};
  else if constexpr (W == word::residual) return type<where::residual<Number>>{};
  else if constexpr (W == word::graph) return type<where::graph<Number>>{};
  else if constexpr (W == word::conv) return type<where::conv<Number>>{};
  else if constexpr (W == word::up_conv) return type<where::up_conv<Number>>{};
  else if constexpr (W == word::upsample) return type<where::upsample<Number>>{};
  else if constexpr (W == word::max_pool) return type<where::max_pool<Number>>{};
  else if constexpr (W == word::avg_pool) return type<where::avg_pool<Number>>{};
  else if constexpr (W == word::dropout) return type<where::dropout<Number>>{};
  else if constexpr (W == word::activation) return type<where::activation<Number>>{};
  else if constexpr (W == word::batch_norm) return type<where::batch_norm<Number>>{};
  else if constexpr (W == word::instance_norm) return type<where::instance_norm<Number>>{};
  else if constexpr (W == word::group_norm) return type<where::group_norm<Number>>{};
  else return type<where::layer<Number>>{};
}

/// A limit as a type.
template <room What, int Limit> constexpr auto room_type() {
  if constexpr (What == room::ops) return type<room_for::ops<Limit>>{};
  else if constexpr (What == room::names) return type<room_for::names<Limit>>{};
  else if constexpr (What == room::tensors) return type<room_for::tensors<Limit>>{};
  else if constexpr (What == room::layers) return type<room_for::layers<Limit>>{};
  else return type<room_for::steps_of_a_path<Limit>>{};
}
template <room What, int Limit> using room_is = typename decltype(room_type<What, Limit>())::type;

/// The finding of Net, its facts one by one, and the sentence they make.
template <class Net, class Tile, int Channels> struct explanation {
  static constexpr tracer traced = infer<Net>(Tile::size, Tile::first_axis, Channels);
  static constexpr finding found = traced.first;

  /// How many nodes and sources the path names before its step `end`.
  static constexpr int names_before(int end) {
    int n = 0;
    for (int i = 0; i < end; ++i) n += found.where[i].what == word::node || found.where[i].what == word::source;
    return n < 4 ? n : 3;
  }
  template <std::size_t... I> static constexpr auto place(std::index_sequence<I...>) {
    return type<at<typename decltype(step_type<found.where[I].what, found.where[I].number, found,
                                               names_before(static_cast<int>(I))>())::type...>>{};
  }
  using at_ = typename decltype(place(std::make_index_sequence<static_cast<std::size_t>(found.where.size())>{}))::type;
  using layer_ = layer_is<found.layer>;

  template <template <int...> class Label, extent E> static constexpr auto sized() {
    if constexpr (Tile::first_axis == 0) return type<Label<E.depth, E.height, E.width>>{};
    else return type<Label<E.height, E.width>>{};
  }
  template <template <int...> class Label, extent E> using size = typename decltype(sized<Label, E>())::type;
  template <template <int...> class Label> using left = size<Label, found.left>;
  template <template <int...> class Label> using right = size<Label, found.right>;

  /// The tile, each axis moved to its nearest legal length in one direction.
  template <int Step> static constexpr extent towards() {
    extent e = Tile::size;
    for (int a = Tile::first_axis; a < 3; ++a) e[a] = nearest_legal(traced.net, a, e[a], Step);
    return e;
  }
  template <int Step> static constexpr auto tile_towards() {
    constexpr extent e = towards<Step>();
    if constexpr (e.volume() == 0) return type<no_legal_tile>{};
    else return type<size<tile, e>>{};
  }
  template <int Step> using towards_ = typename decltype(tile_towards<Step>())::type;
  template <int> struct lazily { using near = nearest<towards_<-1>, towards_<+1>>; };

  static constexpr auto sentence() {
    constexpr rule r = found.broken;
    constexpr int n = found.left_count, m = found.right_count, names = names_before(found.where.size());
    using culprit = spelled_out<name_is, found, names == 0 ? 0 : names - 1>;
    if constexpr (r == rule::none) return type<sound>{};
    else if constexpr (r == rule::network_fits_the_limits)
      return type<network_fits_the_limits<room_is<static_cast<room>(n), m>>>{};
    else if constexpr (r == rule::image_is_not_empty) return type<image_is_not_empty<Tile, channels_are<n>>>{};
    else if constexpr (r == rule::layer_has_a_meaning) return type<layer_has_a_meaning<at_, layer_>>{};
    else if constexpr (r == rule::counts_are_positive) return type<counts_are_positive<at_, layer_, count_is<n>>>{};
    else if constexpr (r == rule::rate_is_below_one) return type<rate_is_below_one<at_, layer_>>{};
    else if constexpr (r == rule::padding_needs_an_odd_kernel)
      return type<padding_needs_an_odd_kernel<at_, layer_, count_is<n>>>{};
    else if constexpr (r == rule::maximum_has_a_byte) return type<maximum_has_a_byte<at_, layer_, count_is<n>>>{};
    else if constexpr (r == rule::groups_divide_the_channels)
      return type<groups_divide_the_channels<at_, layer_, channels_are<n>, groups_are<m>>>{};
    else if constexpr (r == rule::sum_has_equal_channels)
      return type<sum_has_equal_channels<at_, layer_, channels_differ<n, m>>>{};
    else if constexpr (r == rule::name_is_known) return type<name_is_known<at_, culprit>>{};
    else if constexpr (r == rule::name_is_new) return type<name_is_new<at_, culprit>>{};
    else if constexpr (r == rule::name_comes_earlier) return type<name_comes_earlier<at_, culprit>>{};
    else if constexpr (r == rule::node_reads_something) return type<node_reads_something<at_>>{};
    else {
      using near = typename lazily<0>::near;
      if constexpr (r == rule::pooling_divides_the_size)
        return type<pooling_divides_the_size<at_, layer_, left<image_is>, right<window_is>, near>>{};
      else if constexpr (r == rule::stride_divides_the_size)
        return type<stride_divides_the_size<at_, layer_, left<image_is>, right<stride_is>, near>>{};
      else if constexpr (r == rule::convolution_fits_the_image)
        return type<convolution_fits_the_image<at_, layer_, left<image_is>, right<window_is>, near>>{};
      else if constexpr (r == rule::mirror_fits_the_image)
        return type<mirror_fits_the_image<at_, layer_, left<image_is>, right<border_is>, near>>{};
      else if constexpr (r == rule::crop_is_centred)
        return type<crop_is_centred<at_, layer_, left<skip_is>, right<joined_with>, near>>{};
      else if constexpr (r == rule::join_has_equal_sizes)
        return type<join_has_equal_sizes<at_, layer_, left<skip_is>, right<joined_with>, near>>{};
      else return type<skip_covers_the_upsampled<at_, layer_, left<skip_is>, right<joined_with>, near>>{};
    }
  }
};

}  // namespace detail

/// `sound`, or a base class that cannot be, whose name is the explanation.
template <class Net, class Tile, int Channels> using explain =
    typename decltype(detail::explanation<Net, Tile, Channels>::sentence())::type;

}  // namespace oxbow
