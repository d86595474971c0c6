// The hook between the training loop and whatever deforms its tiles.
#pragma once
#include <cstdint>
#include <functional>
#include <utility>

#include <oxbow/core/random_key.hpp>
#include <oxbow/core/sample.hpp>
#include <oxbow/train/tile_choice.hpp>

namespace oxbow {

/// Runs pieces 0 … n − 1 of work in any order, perhaps at the same time.
using parallel_for = std::function<void(std::int64_t, std::function<void(std::int64_t)> const&)>;

/// Fills a tile from a sample. The default copies; any pipeline of augmentations converts to this,
/// by draw(pipeline, key, tile) and gather(source, drawn, corner, target, for_each), both found by the
/// pipeline's own namespace: training sees no augmentation, and augmentations see no training.
class augmentation {
 public:
  augmentation()
      : fill_{[](sample const& whole, random_key, extent corner, sample& tile, parallel_for const& for_each) {
          cut_tile(whole, corner, tile, for_each);
        }} {}

  template <class Pipeline>
  requires requires(Pipeline const& p, random_key key, extent tile) { draw(p, key, tile); }
  augmentation(Pipeline pipeline)
      : fill_{[pipeline = std::move(pipeline)](auto const& whole, random_key key, extent corner, auto& tile,
                                               parallel_for const& for_each) {
          // Generic, so that the names are looked up when a pipeline is given, and not before.
          gather(source_of(whole), draw(pipeline, key, tile.input.size), corner, target_of(tile), for_each);
        }} {}

  /// `corner` is the pixel of the sample under the tile's first pixel.
  void fill(sample const& whole, random_key key, extent corner, sample& tile, parallel_for const& for_each) const {
    fill_(whole, key, corner, tile, for_each);
  }

 private:
  std::function<void(sample const&, random_key, extent, sample&, parallel_for const&)> fill_;
};

}  // namespace oxbow
