// Everything that a program may go on to ask of a model: a mistake must stay one error, whatever is asked after it.
#pragma once
#include <oxbow/lower/model.hpp>

template <class Model> constexpr std::int64_t use() {
  using predicting = typename Model::inference;
  using learning = typename Model::training;
  static_assert(Model::multiply_adds >= 0 && Model::alignment >= 1);
  static_assert(predicting::peak_bytes >= 0 && predicting::steps.steps.size() >= 0);
  static_assert(learning::peak_bytes >= 0 && learning::steps.steps.size() >= 0);
  constexpr std::int64_t facts = Model::output.volume() + Model::classes + Model::halo.height + Model::next_tile(100) +
                                 Model::is_legal(64) + Model::output_of(64) + Model::receptive_radius.width +
                                 Model::tile.height + Model::input_channels + static_cast<int>(Model::schema % 2);
  return facts;
}
