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

  int grid, layers;                             ///< nodes along height and width, and along depth
  position nodes_per_pixel;                     ///< 0 along an axis with one node
  float z[capacity], y[capacity], x[capacity];  ///< (layer, row, column)

  OXBOW_DEVICE position displacement(position at) const {
    node_taps const along_z(at.z * nodes_per_pixel.z, layers);
    node_taps const along_y(at.y * nodes_per_pixel.y, grid), along_x(at.x * nodes_per_pixel.x, grid);
    position sum;
    for (int k = 0; k < along_z.count; ++k)
      for (int j = 0; j < along_y.count; ++j)
        for (int i = 0; i < along_x.count; ++i) {
          float const weight = along_z.weight[k] * along_y.weight[j] * along_x.weight[i];
          int const node = ((along_z.first + k) * grid + along_y.first + j) * grid + along_x.first + i;
          sum.z += weight * z[node];
          sum.y += weight * y[node];
          sum.x += weight * x[node];
        }
    return sum;
  }
  OXBOW_DEVICE position pull(position at) const {
    position const by = displacement(at);
    return {at.z + by.z, at.y + by.y, at.x + by.x};
  }
};

/// Smooth deformation by Gaussian displacements at grid × grid nodes, interpolated bicubically.
///
/// needs   sigma well below the distance of nodes, (tile − 1) / (grid − 1), or the image folds over itself
/// cost    16 nodes per pixel, 64 per voxel in 3-D
/// source  Ronneberger et al. 2015, section 3.1: a 3 × 3 grid, deviation 10 pixels
struct elastic {
  int grid = 3;
  float sigma = 10;       ///< deviation along height and width, in pixels
  int layers = 3;         ///< nodes along depth; no part of a 2-D image
  float sigma_depth = 0;  ///< deviation along depth, in slices

  drawn_elastic draw(map_random const& random, extent tile) const {
    int const deep = tile.depth > 1 ? layers : 1;
    if (grid < 1 || deep < 1 || grid > 11 || deep > drawn_elastic::capacity / (grid * grid))
      throw std::runtime_error("elastic: a grid of " + std::to_string(grid) + " × " + std::to_string(grid) + " × " +
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
