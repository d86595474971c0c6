// A network that lives on the CPU: its parameters, and the two programs of its model.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/rearrange.hpp>
#include <oxbow/host/executor.hpp>
#include <oxbow/lower/initial.hpp>
#include <oxbow/lower/network.hpp>

namespace oxbow {

/// The back end for CPUs. No bit of a result depends on these.
struct host {
  int threads = 0;  ///< 0 is one for each core
  /// Packed weights stay in memory for the next prediction; else each layer's are made when it runs, which for
  /// unet_2015 at 572 takes 184 MB less and about 7 % longer; docs/cpu-performance.md.
  bool keep_weights = true;
};

/// Parameters of one model, its programs on the CPU, and nothing else. Memory: the parameters; for
/// prediction, from the first on, Model::inference::peak_bytes, and the packed weights where they are kept; for
/// learning, from the first step on, the gradients and Model::training::peak_bytes. What a step needs for itself,
/// scratch and packed weights that are not kept, lies in the gaps of these bytes or behind them.
/// Not to be used by two threads at once.
template <class Model> class network<Model, host> {
 public:
  using model_type = Model;

  explicit network(host where = {}, seed s = {}) : network{where, blank{}} { he_initialise(*this, s.value); }
  network(host where, blank)
      : pool_{where.threads},
        keep_weights_{where.keep_weights},
        parameters_{on_host::zeros(Model::forward.parameter_count, "parameters")} {}

  std::span<float> parameters() {
    stale_ = true;
    return parameters_.span();
  }
  std::span<float const> parameters() const { return parameters_.span(); }
  /// Who writes through a span that was handed out earlier says so here.
  void parameters_changed() { stale_ = true; }
  std::span<float> gradients() { return gradients_.span(); }
  static constexpr std::int64_t trainable_count() { return Model::forward.trained_count; }
  static constexpr std::uint64_t schema() { return Model::schema; }
  int threads() const { return pool_.size(); }

  /// The parameters' tensors, in their order.
  std::vector<network_tensor> tensors() { return tensors_of(Model::forward, Model::first_axis, parameters()); }

  /// f(0) … f(count − 1), shared out among the threads.
  template <class F> void for_each(std::int64_t count, F&& f) { pool_(count, f); }

  /// Logits of one tile: Model::tile × input_channels → Model::output × classes.
  void infer(image_view<float const> tile, image_view<float> logits) {
    require_image("the tile", tile.size, tile.channels, Model::tile, Model::input_channels);
    require_image("the logits", logits.size, logits.channels, Model::output, Model::classes);
    if (!inference_) inference_ = make_inference();
    if (stale_) inference_->pack_all(parameters_.floats());
    stale_ = false;
    to_layout(tile, floats_at(inference_->arena(), inference_tables::image()));
    inference_->run(parameters_.floats(), nullptr, {}, 0, false);
    from_layout(floats_at(inference_->arena(), inference_tables::output()), logits);
  }

  /// The loss of one tile, mean over labelled pixels of weight × cross-entropy, and its gradients. labels and
  /// weights are as large as Model::output; empty weights are all one. accumulate: add to the gradients.
  double loss_and_gradients(image_view<float const> tile, image_view<std::uint8_t const> labels,
                            image_view<float const> weights, random_key key, bool accumulate) {
    require_image("the tile", tile.size, tile.channels, Model::tile, Model::input_channels);
    require_image("the labels", labels.size, labels.channels, Model::output, 1);
    if (weights.data != nullptr) require_image("the weights", weights.size, weights.channels, Model::output, 1);
    std::int64_t const labelled = count_labels<Model>(labels);
    if (!training_) {
      gradients_ = on_host::zeros(Model::forward.parameter_count, "gradients");
      training_ = make_training();
    }
    std::byte* const arena = training_->arena();
    to_layout(tile, floats_at(arena, training_tables::image()));
    std::memcpy(arena + training_tables::labels().offset, labels.data, static_cast<std::size_t>(labels.count()));
    float* const w = floats_at(arena, training_tables::weights());
    if (weights.data != nullptr) std::copy_n(weights.data, weights.count(), w);
    else std::fill_n(w, labels.count(), 1.f);
    float const factor = labelled > 0 ? 1.f / static_cast<float>(labelled) : 0.f;
    training_->run(parameters_.floats(), gradients_.floats(), key, factor, accumulate);
    if (Model::forward.parameter_count != Model::forward.trained_count) stale_ = true;  // running statistics have moved
    float const* const loss = floats_at(arena, training_tables::output());
    double sum = 0;
    for (std::int64_t i = 0; i < labels.count(); ++i) sum += loss[i];
    return sum;
  }

  /// Bytes that have been allocated so far for programs and parameters.
  std::int64_t bytes() const {
    std::int64_t sum = parameters_.bytes() + gradients_.bytes();
    if (inference_) sum += inference_->bytes();
    if (training_) sum += training_->bytes();
    return sum;
  }

 private:
  using inference_tables = on_host::tables<typename Model::inference>;
  using training_tables = on_host::tables<typename Model::training>;

  std::unique_ptr<on_host::engine> make_inference() {
    if constexpr (multiarch<Model>)
      return on_host::with_best_set(
          [&]<instruction_set Set>() { return kernels::inference<Model, Set>::make(pool_, !keep_weights_); });
    else return std::make_unique<on_host::executor_of<Model, typename Model::inference>>(pool_, !keep_weights_);
  }
  std::unique_ptr<on_host::engine> make_training() {
    if constexpr (multiarch<Model>)
      return on_host::with_best_set([&]<instruction_set Set>() { return kernels::training<Model, Set>::make(pool_); });
    else return std::make_unique<on_host::executor_of<Model, typename Model::training>>(pool_, true);
  }

  static float* floats_at(std::byte* arena, operand const& o) { return reinterpret_cast<float*>(arena + o.offset); }

  on_host::thread_pool pool_;
  bool keep_weights_;
  on_host::memory parameters_, gradients_;
  std::unique_ptr<on_host::engine> inference_;
  std::unique_ptr<on_host::engine> training_;
  bool stale_ = true;
};

}  // namespace oxbow
