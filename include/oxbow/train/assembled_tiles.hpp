// The tiles that a run learns from: chosen, deformed, weighted; the next one, if asked for, before it is needed.
#pragma once
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

#include <oxbow/train/loss.hpp>
#include <oxbow/train/options.hpp>
#include <oxbow/train/samples.hpp>
#include <oxbow/train/tile_choice.hpp>

namespace oxbow::detail {

/// What a step learns from is a function of its key alone, whenever it is made.
/// memory  one tile; a second one where tiles are made ahead
template <class Model> class assembled_tiles {
 public:
  struct assembled {
    chosen_tile from{};
    sample tile{image<float>(Model::tile, Model::input_channels), label_image(Model::output),
                image<float>(Model::output)};
  };

  assembled_tiles(samples const& data, training_options const& options) : data_{data}, options_{options} {
    if (options.sampling == tile_sampling::classes) by_class_.emplace(data);
  }

  /// The tile of a key; valid until the next call. What went wrong while it was made ahead is thrown here.
  assembled const& get(random_key key, parallel_for const& for_each) {
    if (next_key_ != key) {
      make(now_, key, for_each);
    } else {
      next_key_.reset();
      if (failure_) std::rethrow_exception(std::exchange(failure_, {}));
      std::swap(now_, *next_);
    }
    return now_;
  }
  /// Makes the tile that will be asked for next, and leaves the one at hand as it is. Throws nothing.
  void ahead(random_key key, parallel_for const& for_each) {
    next_key_ = key, failure_ = {};
    try {
      if (!next_) next_.emplace();
      make(*next_, key, for_each);
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

 private:
  void make(assembled& to, random_key key, parallel_for const& for_each) const {
    to.from = by_class_ ? by_class_->choose(data_, key, Model::output) : choose_tile(data_, key, Model::output);
    extent corner = to.from.corner;
    for (int axis = 0; axis < 3; ++axis) corner[axis] -= (Model::tile[axis] - Model::output[axis]) / 2;
    options_.augment.fill(data_[to.from.sample], key, corner, to.tile, for_each);
    fold_class_weights(options_.class_weights, to.tile);
  }

  samples const& data_;
  training_options const& options_;
  std::optional<class_pixels> by_class_;
  assembled now_{};
  std::optional<assembled> next_;
  std::optional<random_key> next_key_;  ///< whose tile lies in next_, or failed to
  std::exception_ptr failure_;
};

}  // namespace oxbow::detail
