// Composition of augmentations, and the functor that one sample draws from it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <oxbow/augment/position.hpp>
#include <oxbow/core/random.hpp>
#include <oxbow/core/random_key.hpp>

namespace oxbow {

namespace detail {

/// Reports a field that makes no sense. `what` names map and field and says what must hold.
inline void require(bool holds, char const* what, float given) {
  if (!holds) throw std::invalid_argument(std::string{what} + ", but it is " + std::to_string(given) + ".");
}

}  // namespace detail

/// The random numbers of one map of a pipeline. Every place in the pipeline has numbers of its own, so
/// that appending a map leaves the draws of those before it as they were.
struct map_random {
  random_key key{};
  std::uint32_t place = 0;

  constexpr float uniform(std::uint32_t index, float low, float high) const {
    return numbers().uniform(first() + index, low, high);
  }
  float normal(std::uint32_t index) const { return numbers().normal(first() / 2 + index); }

  /// Numbers per pixel: the map's share begins at index place · 2^40.
  constexpr random_stream pixels() const { return {key.seed, purpose::noise, key.step, key.sample}; }

 private:
  constexpr random_stream numbers() const { return {key.seed, purpose::augmentation, key.step, key.sample}; }
  constexpr std::uint64_t first() const { return std::uint64_t{place} << 32; }
};

/// How the source is smoothed while it is read: weights of a pixel and its neighbours to both sides, along height and
/// width. The sum over −radius … radius is 1; radius 0 is no smoothing.
struct smoothing_kernel {
  static constexpr int most = 3;
  int radius = 0;
  float weight[most + 1] = {1, 0, 0, 0};
};

/// An augmentation: an aggregate whose `draw(random, tile)` returns a small, trivially copyable object with
///   position pull(position) const             where the value at a place comes from, and/or
///   float value(float, std::int64_t) const    what a grey value becomes; the integer numbers tile pixel and channel
///   smoothing_kernel smoothing() const        how the source is smoothed before anything else; one map at most has it
/// all marked OXBOW_DEVICE. Augmentations of one's own join by having it. What is dear can be written for several
/// pixels at once, for any Count, in place of the first two:
///   positions<Count> pull(positions<Count>) const
///   lanes<float, Count> values(lanes<float, Count>, std::int64_t first, std::int64_t step) const
template <class Map>
concept augmentation_map = requires(Map const& map, map_random const& random, extent tile) {
  map.draw(random, tile);
};

/// Augmentations in the order in which they act on the image: a | b deforms by a, then deforms the result by b.
template <class... Maps> struct pipeline { std::tuple<Maps...> maps{}; };

template <augmentation_map First, augmentation_map Second>
constexpr pipeline<First, Second> operator|(First const& first, Second const& second) {
  return {{first, second}};
}
template <class... Maps, augmentation_map Last>
constexpr pipeline<Maps..., Last> operator|(pipeline<Maps...> const& front, Last const& last) {
  return {std::tuple_cat(front.maps, std::tuple<Last>{last})};
}
template <augmentation_map First, class... Maps>
constexpr pipeline<First, Maps...> operator|(First const& first, pipeline<Maps...> const& back) {
  return {std::tuple_cat(std::tuple<First>{first}, back.maps)};
}
template <class... Left, class... Right>
constexpr pipeline<Left..., Right...> operator|(pipeline<Left...> const& left, pipeline<Right...> const& right) {
  return {std::tuple_cat(left.maps, right.maps)};
}

/// What one sample drew: all random numbers but those per pixel are in it. A gather asks, for an output place,
/// where the value was before the last map, then before the one ahead of it, and so on, so places go
/// through the pipeline from its end to its beginning and grey values from its beginning to its end.
template <class... Maps> struct drawn;

template <> struct drawn<> {
  constexpr OXBOW_DEVICE position pull(position at) const { return at; }
  constexpr OXBOW_DEVICE position coordinate(float z, float y, float x) const { return {z, y, x}; }
  constexpr OXBOW_DEVICE position coordinate(float y, float x) const { return {0, y, x}; }
  constexpr OXBOW_DEVICE float value(float v, std::int64_t) const { return v; }
  template <int Count> constexpr OXBOW_DEVICE positions<Count> pull(positions<Count> at) const { return at; }
  template <int Count>
  constexpr OXBOW_DEVICE lanes<float, Count> values(lanes<float, Count> v, std::int64_t, std::int64_t) const {
    return v;
  }
  static constexpr int smoothing_maps = 0;
};

template <class First, class... Rest> struct drawn<First, Rest...> {
  First first;
  drawn<Rest...> rest;

  static constexpr int smoothing_maps =
      (requires(First const& f) { f.smoothing(); } ? 1 : 0) + drawn<Rest...>::smoothing_maps;
  static_assert(smoothing_maps <= 1, "augment: more than one map smooths the source. Keep one blur in a pipeline.");

  OXBOW_DEVICE smoothing_kernel smoothing() const requires(smoothing_maps == 1) {
    if constexpr (requires { first.smoothing(); }) return first.smoothing();
    else return rest.smoothing();
  }

  template <int Count> OXBOW_DEVICE positions<Count> pull(positions<Count> at) const {
    at = rest.pull(at);
    if constexpr (requires { first.pull(at); }) {
      at = first.pull(at);
    } else if constexpr (requires { first.pull(position{}); }) {
      for (int i = 0; i < Count; ++i) {
        position const from = first.pull(position{at.z[i], at.y[i], at.x[i]});
        at.z[i] = from.z, at.y[i] = from.y, at.x[i] = from.x;
      }
    }
    return at;
  }
  OXBOW_DEVICE position pull(position at) const {
    auto const one = pull(positions<1>{{at.z}, {at.y}, {at.x}});
    return {one.z[0], one.y[0], one.x[0]};
  }
  /// Source position, in tile coordinates, of tile pixel (z, y, x).
  OXBOW_DEVICE position coordinate(float z, float y, float x) const { return pull({z, y, x}); }
  OXBOW_DEVICE position coordinate(float y, float x) const { return pull({0, y, x}); }

  /// `index` is the tile pixel's row-major number · channels + channel.
  OXBOW_DEVICE float value(float v, std::int64_t index) const { return values(lanes<float, 1>{{v}}, index, 1)[0]; }
  /// The same of several, whose indices begin at `index` and lie `step` apart.
  template <int Count>
  OXBOW_DEVICE lanes<float, Count> values(lanes<float, Count> v, std::int64_t index, std::int64_t step) const {
    if constexpr (requires { first.values(v, index, step); }) v = first.values(v, index, step);
    else if constexpr (requires { first.value(v[0], index); })
      for (int i = 0; i < Count; ++i) v[i] = first.value(v[i], index + i * step);
    return rest.values(v, index, step);
  }
};

namespace detail {

constexpr drawn<> chain() { return {}; }
template <class First, class... Rest> constexpr drawn<First, Rest...> chain(First first, Rest... rest) {
  static_assert(std::is_trivially_copyable_v<First>,
                "augment: what a map draws must be trivially copyable, because kernels take it by value.");
  return {first, chain(rest...)};
}

}  // namespace detail

/// Draws all random parameters of one sample.
/// throws  std::invalid_argument where a map's fields make no sense
template <class... Maps> auto draw(pipeline<Maps...> const& augmentations, random_key key, extent tile) {
  return [&]<std::size_t... Place>(std::index_sequence<Place...>) {
    return detail::chain(
        std::get<Place>(augmentations.maps).draw(map_random{key, static_cast<std::uint32_t>(Place)}, tile)...);
  }
  (std::index_sequence_for<Maps...>{});
}

template <augmentation_map Map> auto draw(Map const& map, random_key key, extent tile) {
  return draw(pipeline<Map>{std::tuple<Map>{map}}, key, tile);
}

}  // namespace oxbow
