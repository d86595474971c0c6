// A network that lives on an NVIDIA GPU: its parameters, and the two programs of its model.
#pragma once
#include <array>
#include <cmath>
#include <concepts>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <oxbow/core/rearrange.hpp>
#include <oxbow/core/threads.hpp>
#include <oxbow/cuda/kernel/update.cuh>
#include <oxbow/cuda/run/executor.cuh>
#include <oxbow/lower/elements.hpp>
#include <oxbow/lower/initial.hpp>
#include <oxbow/lower/model.hpp>
#include <oxbow/lower/network.hpp>

namespace oxbow {

/// The back end for NVIDIA GPUs, from compute capability 8.0 on, in single precision. The bits of a result depend on
/// neither the order nor the number of multiprocessors.
struct cuda {
  static constexpr element activations = element::f32;
  using chip = on_cuda::sm80;  ///< what tiles are picked for, whatever runs them: bits depend on it

  int device = 0;
  bool each_step = false;  ///< waits for every step, so that a fault on the device names its step: for finding it
  int threads = 0;         ///< of the host, for what it prepares; 0 is one for each core
};
/// The same with activations and their gradients in 16 bits; parameters and sums stay in single precision. With f16
/// the loss is scaled, and a training step whose gradients overflow is left out.
struct cuda_f16 : cuda {
  static constexpr element activations = element::f16;
};
struct cuda_bf16 : cuda {
  static constexpr element activations = element::bf16;
};
/// Single precision whose products are rounded to ten bits, as tensor cores take them (tf32).
struct cuda_tf32 : cuda {
  static constexpr element activations = element::tf32;
};
/// A back end whose tiles are picked for another chip: tuned<cuda_f16, on_cuda::sm90>. Those for an H100 need up to
/// 113 KB of shared memory for a block, which GPUs of 99 KB do not have.
template <class Backend, class Chip> struct tuned : Backend {
  using chip = Chip;
};

namespace on_cuda {

/// Parameters of one model, its programs on the device, and nothing else. Memory: see bytes(). Not to be used by two
/// threads at once.
template <class Model, class Backend> class device_network {
  static constexpr element Type = Backend::activations;

 public:
  using model_type = Model;

  device_network(cuda where, seed s) : device_network{where, blank{}} { he_initialise(*this, s.value); }
  device_network(cuda where, blank)
      : pool_{where.threads},
        device_{open_device(where.device)},
        each_step_{where.each_step},
        stream_{make_stream()},
        mirror_(static_cast<std::size_t>(Model::forward.parameter_count)) {
    carver c;
    std::int64_t const values = c.take(Model::forward.parameter_count * 4), state = c.take(sizeof(scale_state)),
                       length = c.take(sizeof(double));
    fixed_ = device_memory{c.bytes(), stream_.get(), "the parameters"};
    values_ = reinterpret_cast<float*>(fixed_.data() + values);
    state_ = reinterpret_cast<scale_state*>(fixed_.data() + state);
    length_ = reinterpret_cast<double*>(fixed_.data() + length);
    answers_ = pinned_memory{answer_bytes, "what a run answers"};
    scale_state first;
    if (Type == element::f16) first.scale = 0x1p15f, first.adapts = 1;
    std::memcpy(answers_.data(), &first, sizeof first);
    copy(state_, answers_.data(), sizeof first, stream_.get(), "the loss scale");
    wait(stream_.get(), "the loss scale");
  }

  /// The parameters on the host: a copy, brought up to date here and taken over by the next run.
  std::span<float> parameters() {
    fetch();
    host_is_newer_ = true;
    return mirror_;
  }
  std::span<float const> parameters() const {
    fetch();
    return mirror_;
  }
  /// Who writes through a span that was handed out earlier says so here.
  void parameters_changed() { host_is_newer_ = true; }
  /// A copy of the gradients on the device. Where they went into the momentum it is the difference of two momenta, and
  /// so exact to half a unit in the last place of these.
  std::span<float const> gradients() const {
    if (gradient_copy_is_old_) {
      gradients_go const went = momentum_.last();
      copy(gradient_copy_.data(), gradients_ + went.to, trainable_count() * 4, stream_.get(), "the gradients");
      wait(stream_.get(), "the gradients");
      if (went.momentum != 0) {
        std::vector<float> before(static_cast<std::size_t>(trainable_count()));
        copy(before.data(), gradients_ + went.from, bytes_of(before), stream_.get(), "the gradients");
        wait(stream_.get(), "the gradients");
        for (std::size_t i = 0; i < before.size(); ++i)
          gradient_copy_[i] = std::fma(-went.momentum, before[i], gradient_copy_[i]);
      }
      gradient_copy_is_old_ = false;
    }
    return gradient_copy_;
  }
  static constexpr std::int64_t trainable_count() { return Model::forward.trained_count; }
  static constexpr std::uint64_t schema() { return Model::schema; }
  std::vector<network_tensor> tensors() { return tensors_of(Model::forward, Model::first_axis, parameters()); }
  /// f(0) … f(count − 1), shared out among the host's threads.
  template <class F> void for_each(std::int64_t count, F&& f) { pool_(count, f); }

  /// Logits of one tile: Model::tile × input_channels → Model::output × classes.
  void infer(image_view<float const> tile, image_view<float> logits) {
    require_image("the logits", logits.size, logits.channels, Model::output, Model::classes);
    start_infer(tile);
    finish_infer(logits);
  }
  /// The same in two calls: the host has the time that the device takes. The first one returns when it has read the
  /// tile, the second one waits for the logits of the last tile that was started.
  void start_infer(image_view<float const> tile) {
    require_image("the tile", tile.size, tile.channels, Model::tile, Model::input_channels);
    inferring_ = false;
    device_.use();
    if (!inference_)
      inference_ = std::make_unique<inference_executor>(device_, stream_.get(), "inference", values_, nullptr, nullptr,
                                                        false, each_step_);
    if (send_parameters() || packed_are_old_) inference_->weights_changed();
    packed_are_old_ = false;
    to_layout(tile, inference_->next_input().image);
    inference_->run({}, 0, {});
    constexpr std::int64_t bytes = Model::output.volume() * Model::classes * static_cast<std::int64_t>(sizeof(float));
    if (!logits_.data()) logits_ = pinned_memory{bytes, "the logits"};
    copy(logits_.data(), inference_->result(), bytes, stream_.get(), "the logits");
    inferring_ = true;
  }
  void finish_infer(image_view<float> logits) {
    require_image("the logits", logits.size, logits.channels, Model::output, Model::classes);
    if (!inferring_) throw std::logic_error("finish_infer: nothing has been started.");
    device_.use();
    wait(stream_.get(), "inference program");
    inferring_ = false;
    from_layout(reinterpret_cast<float const*>(logits_.data()), logits);
  }

  /// The loss of one tile, mean over labelled pixels of weight × cross-entropy, and its gradients. labels and
  /// weights are as large as Model::output; empty weights are all one. accumulate: add to the gradients.
  double loss_and_gradients(image_view<float const> tile, image_view<std::uint8_t const> labels,
                            image_view<float const> weights, random_key key, bool accumulate) {
    start_loss_and_gradients(tile, labels, weights, key, accumulate);
    return finish_loss_and_gradients();
  }
  /// The same in two calls: the host has the time that the device takes. The first one returns when it has read its
  /// arguments, the second one waits for the loss of the last tile that was started.
  void start_loss_and_gradients(image_view<float const> tile, image_view<std::uint8_t const> labels,
                                image_view<float const> weights, random_key key, bool accumulate) {
    require_image("the tile", tile.size, tile.channels, Model::tile, Model::input_channels);
    require_image("the labels", labels.size, labels.channels, Model::output, 1);
    if (weights.data != nullptr) require_image("the weights", weights.size, weights.channels, Model::output, 1);
    std::int64_t const labelled = count_labels<Model>(labels);
    device_.use();
    if (!training_) prepare_training();
    send_parameters();
    auto const to = training_->next_input();
    to_layout(tile, to.image);
    std::memcpy(to.labels, labels.data, static_cast<std::size_t>(labels.count()));
    if (weights.data != nullptr) std::copy_n(weights.data, weights.count(), to.weights);
    else std::fill_n(to.weights, labels.count(), 1.f);
    bring_momentum_home();
    training_->run(key, labelled > 0 ? 1.f / static_cast<float>(labelled) : 0.f,
                   momentum_.next(accumulate, buffer_count_ > 0 ? buffer(0) - gradients_ : 0));
    gradient_copy_is_old_ = started_ = true;
    if (Model::forward.parameter_count != Model::forward.trained_count)
      mirror_is_old_ = packed_are_old_ = true;  // running statistics have moved
  }
  double finish_loss_and_gradients() {
    if (!started_) throw std::logic_error("finish_loss_and_gradients: nothing has been started.");
    device_.use();
    return answer<double>(training_->loss(), "training program");
  }

  // What a training loop asks of a network whose parameters lie elsewhere: see train/loop.hpp.

  /// Length of the gradient, 0 where there is none yet; judges, with f16, whether it overflowed and the scale changes.
  double gradient_norm() {
    device_.use();
    if (!training_) return 0;
    launch<on_cuda::gradient_norm>({training_->squares(), training_->parts_of_squares(), length_, state_}, 1,
                                   stream_.get(), "the gradient's norm");
    double const length = answer<double>(length_, "the gradient's norm");
    skipped_ = skips_overflow() && !std::isfinite(length);
    return length;
  }
  /// Does update() leave out a step whose gradient is not finite?
  static constexpr bool skips_overflow() { return Type == element::f16; }
  /// What the loss is multiplied by, of late.
  float loss_scale() { return answer<scale_state>(state_, "the loss scale").scale; }

  void set_loss_scale(float scale) {
    scale_state s = answer<scale_state>(state_, "the loss scale");
    s.scale = scale, s.good = 0;
    std::memcpy(answers_.data(), &s, sizeof s);
    copy(state_, answers_.data(), sizeof s, stream_.get(), "the loss scale");
    wait(stream_.get(), "the loss scale");
  }

  /// The optimizer's buffers, each as long as the trainable parameters.
  void set_optimizer_state(std::vector<std::vector<float>> const& buffers) {
    device_.use();
    if (momentum_.last().momentum != 0) gradients();  // they are the difference of buffers that go
    momentum_ = {};
    buffer_count_ = buffers.size();
    std::int64_t const each = (trainable_count() * 4 + 255) / 256 * 256;
    buffers_ =
        device_memory{each * static_cast<std::int64_t>(buffers.size()), stream_.get(), "the optimizer's buffers"};
    for (std::size_t k = 0; k < buffers.size(); ++k)
      copy(buffers_.data() + static_cast<std::int64_t>(k) * each, buffers[k].data(), trainable_count() * 4,
           stream_.get(), "the optimizer's buffers");
    wait(stream_.get(), "the optimizer's buffers");
  }
  std::vector<std::vector<float>> optimizer_state() const {
    std::vector<std::vector<float>> buffers(buffer_count_,
                                            std::vector<float>(static_cast<std::size_t>(trainable_count())));
    for (std::size_t k = 0; k < buffer_count_; ++k)
      copy(buffers[k].data(), k == 0 && !momentum_.is_home() ? gradients_ : buffer(k), trainable_count() * 4,
           stream_.get(), "the optimizer's buffers");
    wait(stream_.get(), "the optimizer's buffers");
    return buffers;
  }
  /// One launch over the flat arena, which also writes what the next step's convolutions read.
  template <int Buffers, class Rule> void update(Rule const& rule, float scale) {
    momentum_.require_apart();
    device_.use();
    if (!training_) prepare_training();
    std::array<float*, static_cast<std::size_t>(Buffers)> state{};
    for (std::size_t k = 0; k < state.size(); ++k) state[k] = buffer(k);
    update_by<Buffers>(rule, scale, gradients_, state);
  }

  /// Has the next tile's gradient added to the momentum, the first of the optimizer's buffers, where it is made:
  /// v ← momentum · v + g. That of the step before stays as it is until the step is taken, in the memory that gradients
  /// have otherwise; so neither the gradient nor the momentum is written once more. For a step of one tile whose
  /// gradient is not scaled, because its length is not known yet.
  /// needs  an optimizer with one buffer
  void gather_momentum(float momentum) {
    if (buffer_count_ != 1 || !(momentum > 0))
      throw std::logic_error("gather_momentum: a momentum of " + std::to_string(momentum) + " and " +
                             std::to_string(buffer_count_) + " buffers of the optimizer; it takes one above 0, and one "
                             "buffer. Call update() for other optimizers.");
    momentum_.gather(momentum);
  }
  /// parameter ← rule(parameter, momentum), for such a step, after gradient_norm(): with 16 bits it is left out if the
  /// gradient overflowed.
  template <class Rule> void update_with_momentum(Rule const& rule) {
    momentum_.require_together();
    device_.use();
    update_by<0>(rule, 1.f, gradients_ + momentum_.last().to, {});
    momentum_.end_step(!skipped_);
  }
  /// The running statistics, which a step that fails has to give back.
  void remember_statistics() {
    device_.use();
    send_parameters();
    std::int64_t const bytes = (Model::forward.parameter_count - trainable_count()) * 4;
    if (bytes > 0 && statistics_.bytes() == 0)
      statistics_ = device_memory{bytes, stream_.get(), "the running statistics"};
    copy(statistics_.data(), values_ + trainable_count(), bytes, stream_.get(), "the running statistics");
  }
  void restore_statistics() {
    device_.use();
    copy(values_ + trainable_count(), statistics_.data(), statistics_.bytes(), stream_.get(), "the running statistics");
    mirror_is_old_ = packed_are_old_ = true;
  }

  /// Bytes of device memory that have been allocated so far.
  std::int64_t bytes() const {
    std::int64_t sum = fixed_.bytes() + gradient_memory_.bytes() + buffers_.bytes() + statistics_.bytes();
    if (inference_) sum += inference_->bytes();
    if (training_) sum += training_->bytes();
    return sum;
  }
  /// Kernels that a prediction and a training step launch, and how many of them are on tensor cores; 0 before the first
  /// run. The length of the gradient and the optimizer are a launch each besides, and so is the packing of weights that
  /// came from elsewhere.
  int inference_launches() const { return inference_ ? inference_->launches() : 0; }
  int training_launches() const { return training_ ? training_->launches() : 0; }
  int inference_launches_on_matrices() const { return inference_ ? inference_->launches_on_matrices() : 0; }
  int training_launches_on_matrices() const { return training_ ? training_->launches_on_matrices() : 0; }
  /// How many of them read and write eight channels at a time without being on tensor cores: norms and the like.
  int inference_launches_on_octets() const { return inference_ ? inference_->launches_on_octets() : 0; }
  int training_launches_on_octets() const { return training_ ? training_->launches_on_octets() : 0; }

 private:
  using programs = programs_in<typename Model::lowered_, Type>;
  using inference_executor = executor<typename programs::inference, Type, typename Backend::chip>;
  using training_executor = executor<typename programs::training, Type, typename Backend::chip>;
  static constexpr std::int64_t answer_bytes = 64;

  template <class T> static std::int64_t bytes_of(std::vector<T> const& v) {
    return static_cast<std::int64_t>(v.size() * sizeof(T));
  }
  float* buffer(std::size_t k) const {
    return reinterpret_cast<float*>(
        buffers_.data() + static_cast<std::int64_t>(k) * (buffers_.bytes() / static_cast<std::int64_t>(buffer_count_)));
  }

  template <int Buffers, class Rule>
  void update_by(Rule const& rule, float scale, float const* gradients,
                 std::array<float*, static_cast<std::size_t>(Buffers)> const& state) {
    send_parameters();
    launch<update_parameters<number_type<Type>, Rule, Buffers>>(
        {training_->parameters(), {rule, scale, values_, gradients, state}, state_}, training_->parameter_blocks(),
        stream_.get(), "the optimizer");
    mirror_is_old_ = packed_are_old_ = true;
  }

  /// Gradients for themselves take the memory in which it may be.
  void bring_momentum_home() {
    if (momentum_.gathers() || momentum_.is_home()) return;
    copy(buffer(0), gradients_, trainable_count() * 4, stream_.get(), "the optimizer's buffers");
    momentum_.is_brought_home();
  }

  void prepare_training() {
    training_ = std::make_unique<training_executor>(device_, stream_.get(), "training", values_, take_gradients(),
                                                    &state_->scale, true, each_step_);
  }
  float* take_gradients() {
    gradient_memory_ = device_memory{Model::forward.parameter_count * 4, stream_.get(), "the gradients"};
    gradients_ = reinterpret_cast<float*>(gradient_memory_.data());
    check(cudaMemsetAsync(gradients_, 0, static_cast<std::size_t>(gradient_memory_.bytes()), stream_.get()),
          "cudaMemsetAsync", "the gradients");
    gradient_copy_.resize(mirror_.size());
    return gradients_;
  }

  /// One small thing from the device, waited for. during: what is being waited for, for errors
  template <class T> T answer(T const* from, char const* during) {
    static_assert(sizeof(T) <= answer_bytes);
    copy(answers_.data(), from, sizeof(T), stream_.get(), during);
    wait(stream_.get(), during);
    T result;
    std::memcpy(&result, answers_.data(), sizeof result);
    return result;
  }

  /// What the host has changed goes to the device.
  bool send_parameters() {
    if (!host_is_newer_) return false;
    copy(values_, mirror_.data(), bytes_of(mirror_), stream_.get(), "the parameters");
    wait(stream_.get(), "the parameters");
    host_is_newer_ = mirror_is_old_ = false;
    packed_are_old_ = true;
    if (training_) training_->weights_changed();
    return true;
  }
  void fetch() const {
    if (!mirror_is_old_ || host_is_newer_) return;
    copy(mirror_.data(), values_, bytes_of(mirror_), stream_.get(), "the parameters");
    wait(stream_.get(), "the parameters");
    mirror_is_old_ = false;
  }

  thread_pool pool_;
  device device_;
  bool each_step_;
  stream stream_;
  device_memory fixed_, gradient_memory_, buffers_, statistics_;
  pinned_memory answers_, logits_;
  float *values_ = nullptr, *gradients_ = nullptr;
  scale_state* state_ = nullptr;
  double* length_ = nullptr;
  std::size_t buffer_count_ = 0;
  momentum_turns momentum_;
  bool skipped_ = false;  ///< the last step, since its gradient overflowed
  mutable std::vector<float> mirror_, gradient_copy_;
  mutable bool mirror_is_old_ = false, gradient_copy_is_old_ = false;
  bool host_is_newer_ = true, started_ = false, inferring_ = false;
  bool packed_are_old_ = true;  ///< those of the prediction; training's are written by the optimizer
  std::unique_ptr<inference_executor> inference_;
  std::unique_ptr<training_executor> training_;
};

}  // namespace on_cuda

template <class Model, std::derived_from<cuda> Backend>
class network<Model, Backend> : public on_cuda::device_network<Model, Backend> {
 public:
  explicit network(Backend where = {}, seed s = {}) : on_cuda::device_network<Model, Backend>{where, s} {}
  network(Backend where, blank none) : on_cuda::device_network<Model, Backend>{where, none} {}
};

}  // namespace oxbow
