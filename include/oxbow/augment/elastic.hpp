// Elastic deformation: random displacements on a coarse grid, smooth in between.
#pragma once
#include <cmath>
#include <stdexcept>
#include <string>

#include <oxbow/augment/cubic.hpp>
#include <oxbow/augment/pipeline.hpp>

namespace oxbow {

/// A displacement at every place, in pixels, from vectors at nodes spread evenly over the tile, first and last on its
/// border pixels. Beyond the tile the displacement is that of the nearest place inside.
struct drawn_elastic {
  static constexpr int capacity = 125;  ///< nodes: 11 × 11, or 5 × 5 × 5; the functor stays well below 4 kB
  static constexpr int widest = 11;     ///< nodes along height and width

  int grid, layers;                             ///< nodes along height and width, and along depth
  position nodes_per_pixel;                     ///< 0 along an axis with one node
  float z[capacity], y[capacity], x[capacity];  ///< (layer, row, column)

  template <int Count> OXBOW_DEVICE positions<Count> displacement(positions<Count> at) const {
    auto const place_along = [](lanes<float, Count> coordinate, float density, int nodes) {
      float const last = static_cast<float>(nodes - 1);
      for (int i = 0; i < Count; ++i) {
        float const p = coordinate[i] * density, above = p > 0 ? p : 0;
        coordinate[i] = above < last ? above : last;
      }
      return coordinate;
    };
    auto const place_z = place_along(at.z, nodes_per_pixel.z, layers);
    auto const place_y = place_along(at.y, nodes_per_pixel.y, grid);
    auto const place_x = place_along(at.x, nodes_per_pixel.x, grid);
    lanes<float, Count> along_x[widest];
    for (int n = 0; n < grid; ++n) along_x[n] = node_weights(n, grid, place_x);
    auto const none = lanes_of<Count>(0.f);
    positions<Count> sum{none, none, none};
    for (int k = 0; k < layers; ++k) {
      auto const along_z = node_weights(k, layers, place_z);
      for (int j = 0; j < grid; ++j) {
        auto const along_y = node_weights(j, grid, place_y);
        positions<Count> row{none, none, none};
        for (int n = 0; n < grid; ++n) {
          int const node = (k * grid + j) * grid + n;
          auto const weight = along_x[n];
          float const by_z = z[node], by_y = y[node], by_x = x[node];
          for (int i = 0; i < Count; ++i) row.z[i] += weight[i] * by_z;
          for (int i = 0; i < Count; ++i) row.y[i] += weight[i] * by_y;
          for (int i = 0; i < Count; ++i) row.x[i] += weight[i] * by_x;
        }
        lanes<float, Count> weight;
        for (int i = 0; i < Count; ++i) weight[i] = along_z[i] * along_y[i];
        for (int i = 0; i < Count; ++i) sum.z[i] += weight[i] * row.z[i];
        for (int i = 0; i < Count; ++i) sum.y[i] += weight[i] * row.y[i];
        for (int i = 0; i < Count; ++i) sum.x[i] += weight[i] * row.x[i];
      }
    }
    return sum;
  }
  OXBOW_DEVICE position displacement(position at) const {
    auto const by = displacement(positions<1>{{at.z}, {at.y}, {at.x}});
    return {by.z[0], by.y[0], by.x[0]};
  }
  template <int Count> OXBOW_DEVICE positions<Count> pull(positions<Count> at) const {
    auto const by = displacement(at);
    for (int i = 0; i < Count; ++i) at.z[i] += by.z[i], at.y[i] += by.y[i], at.x[i] += by.x[i];
    return at;
  }
};

/// Smooth deformation by Gaussian displacements at grid × grid nodes, interpolated bicubically.
///
/// needs   sigma well below the distance of nodes, (tile − 1) / (grid − 1), or the image folds over itself
/// cost    every node for every pixel, in vector instructions
/// source  Ronneberger et al. 2015, section 3.1: a 3 × 3 grid, deviation 10 pixels
struct elastic {
  int grid = 3;
  float sigma = 10;       ///< deviation along height and width, in pixels
  int layers = 3;         ///< nodes along depth; no part of a 2-D image
  float sigma_depth = 0;  ///< deviation along depth, in slices

  drawn_elastic draw(map_random const& random, extent tile) const {
    int const deep = tile.depth > 1 ? layers : 1;
    if (grid < 1 || deep < 1 || grid > drawn_elastic::widest || deep > drawn_elastic::capacity / (grid * grid))
      throw std::invalid_argument("elastic: a grid of " + std::to_string(grid) + " × " + std::to_string(grid) + " × " +
                               std::to_string(deep) + " nodes does not fit; take 1 to " +
                               std::to_string(drawn_elastic::capacity) +
                               " nodes in all, such as 11 × 11 or 5 × 5 × 5.");
    detail::require(sigma >= 0, "elastic: sigma must be 0 or more", sigma);
    detail::require(sigma_depth >= 0, "elastic: sigma_depth must be 0 or more", sigma_depth);

    auto const density = [](int nodes, int pixels) {
      return nodes > 1 && pixels > 1 ? static_cast<float>(nodes - 1) / static_cast<float>(pixels - 1) : 0.f;
    };
    drawn_elastic field{};
    field.grid = grid;
    field.layers = deep;
    field.nodes_per_pixel = {density(deep, tile.depth), density(grid, tile.height), density(grid, tile.width)};
    for (int node = 0; node < deep * grid * grid; ++node) {
      auto const first = static_cast<std::uint32_t>(3 * node);
      field.y[node] = sigma * random.normal(first);
      field.x[node] = sigma * random.normal(first + 1);
      if (tile.depth > 1) field.z[node] = sigma_depth * random.normal(first + 2);
    }
    return field;
  }
};

}  // namespace oxbow
