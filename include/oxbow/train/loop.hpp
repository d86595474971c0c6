// Training: the loop over steps.
#pragma once
#include <algorithm>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include <oxbow/core/large_pages.hpp>
#include <oxbow/core/training_state.hpp>
#include <oxbow/train/assembled_tiles.hpp>
#include <oxbow/train/loss.hpp>
#include <oxbow/train/options.hpp>
#include <oxbow/train/samples.hpp>
#include <oxbow/train/tile_choice.hpp>
#include <oxbow/train/update.hpp>

namespace oxbow {

/// What `train` needs of a network.
///   parameters()       the flat arena: trainable_count() trainable elements, then running statistics
///   gradients()        the same layout; those of the trainable elements are read
///   loss_and_gradients(input, labels, weights, {seed, step, sample}, accumulate) → the tile's loss;
///                      writes the gradients, or adds to them. labels and weights have the output's extent
///   for_each(n, f)     f(0) … f(n − 1), perhaps at the same time
///   schema()           hash of names and shapes
/// A network that keeps anything made from parameters has parameters_changed() as well.
template <class Net>
concept trainable_net = requires(Net& net, image_view<float const> input, image_view<std::uint8_t const> labels) {
  typename Net::model_type;
  { net.parameters() } -> std::convertible_to<std::span<float>>;
  { net.gradients() } -> std::convertible_to<std::span<float const>>;
  { net.trainable_count() } -> std::convertible_to<std::int64_t>;
  {
    net.loss_and_gradients(input, labels, input, {std::uint64_t{}, std::uint32_t{}, std::uint32_t{}}, true)
    } -> std::convertible_to<double>;
  { net.schema() } -> std::convertible_to<std::uint64_t>;
};

/// A network whose parameters lie where the host does not reach, and which therefore updates them itself:
///   set_optimizer_state(buffers), optimizer_state()   the optimizer's buffers, to and from the host
///   gradient_norm()                                   length of the gradient
///   update<Buffers>(rule, scale)                      parameter ← rule(parameter, scale · gradient, its buffers)
///   remember_statistics(), restore_statistics()       running statistics, for a step that fails
///   skips_overflow()                                  is a step whose gradient is not finite left out by update()?
template <class Net>
concept self_updating_net = trainable_net<Net> && requires(Net& net, std::vector<std::vector<float>> const& buffers) {
  net.set_optimizer_state(buffers);
  { net.optimizer_state() } -> std::convertible_to<std::vector<std::vector<float>>>;
  { net.gradient_norm() } -> std::convertible_to<double>;
  { net.skips_overflow() } -> std::convertible_to<bool>;
  net.remember_statistics();
  net.restore_statistics();
};

/// One of these that adds the gradient of a step's only tile to the momentum where it is made:
///   gather_momentum(momentum)    before the tile
///   update_with_momentum(rule)   rule(parameter, momentum, no buffers), after gradient_norm()
template <class N>
concept gathering_net = self_updating_net<N> && requires(N& net, sgd const& o) {
  net.gather_momentum(o.momentum);
  net.update_with_momentum(o.descent_at(1.));
};

/// A network that computes while the host goes on, and so learns from one tile while the next one is made. Tiles are
/// functions of their keys; that of the next step is made before the callbacks of this one are called:
///   start_loss_and_gradients(…)   takes the tile, and returns
///   finish_loss_and_gradients()   waits for the tile's loss
template <class Net>
concept asynchronous_net =
    trainable_net<Net> && requires(Net& net, image_view<float const> input, image_view<std::uint8_t const> labels) {
      net.start_loss_and_gradients(input, labels, input, random_key{}, true);
      { net.finish_loss_and_gradients() } -> std::convertible_to<double>;
    };

namespace detail {

/// f of the optimizer, or of the one that a variant holds.
template <class Optimizer, class F> auto with(Optimizer const& o, F&& f) { return f(o); }
template <class... Any, class F> auto with(std::variant<Any...> const& o, F&& f) { return std::visit(f, o); }

/// One call of train.
template <trainable_net Net, class Optimizer> class trainer {
  using model = typename Net::model_type;
  static_assert(model::keeps_scale, "train: labels lie over the middle of the tile, so the output must have its scale. "
                                    "Go up as often as down, and use windows that take as much on either side.");
  using clock = std::chrono::steady_clock;

 public:
  trainer(Net& net, samples const& data, Optimizer const& optimizer, training_options const& options)
      : net_{net}, optimizer_{optimizer}, options_{options}, tiles_{checked(data, optimizer, options), options} {
    state_.schema = net.schema();
    state_.seed = options.seed;
    state_.optimizer_name = with(optimizer, [](auto const& o) { return o.name; });
    for (int i = with(optimizer, [](auto const& o) { return int{o.buffers}; }); i > 0; --i)
      state_.optimizer.push_back(many_zeros(trainable()));
    if (options.checkpoints && options.resume)
      if (auto saved = options.checkpoints.load_newest()) go_on_from(*std::move(saved));
    if constexpr (self_updating_net<Net>) {
      net_.set_optimizer_state(state_.optimizer);
      state_.optimizer = {};
    }
  }

  training_summary run() {
    auto const begin = clock::now();
    std::int64_t const first = step_;
    training_summary summary{.first_step = first};
    std::optional<csv_writer> log;
    if (options_.log) log.emplace(options_.log->path, first);
    std::optional<progress_display> progress;
    if (options_.progress) progress.emplace(*options_.progress, first);
    while (step_ < options_.steps && !summary.stopped) {
      step_report report = one_step();
      report.seconds = std::chrono::duration<double>(clock::now() - begin).count();
      summary.losses.push_back(static_cast<float>(report.loss));
      if (log) log->write(report);
      if (progress) progress->show(report);
      for (callback const& call : options_.callbacks)
        if (call(report) == after_step::stop) summary.stopped = true;
      if (options_.validate && (step_ == options_.steps || step_ % options_.validate->every == 0))
        if (validate(summary) == after_step::stop) summary.stopped = true;
      bool const last = step_ == options_.steps || summary.stopped;
      if (options_.checkpoints && (last || step_ % options_.checkpoint_every == 0)) checkpoint();
    }
    summary.steps = step_;
    summary.best = best();
    summary.average_loss = average_loss();
    summary.seconds = std::chrono::duration<double>(clock::now() - begin).count();
    return summary;
  }

 private:
  /// The data, if it and the options fit the model.
  static samples const& checked(samples const& data, Optimizer const& optimizer, training_options const& options) {
    check_options(options, with(optimizer, [](auto const& o) { return double{o.rate}; }));
    require_class_weights(options.class_weights, model::classes);
    data.require_fit(model::input_channels, model::classes);
    return data;
  }

  std::size_t trainable() const { return static_cast<std::size_t>(net_.trainable_count()); }
  std::span<float> parameters() { return net_.parameters(); }
  /// To read: a network elsewhere need not take them back.
  std::span<float const> parameters_now() {
    if constexpr (self_updating_net<Net>) return static_cast<Net const&>(net_).parameters();
    else return parameters();
  }
  std::span<float> statistics() { return parameters().subspan(trainable()); }
  std::span<float const> gradients() { return std::span<float const>(net_.gradients()).first(trainable()); }
  double average_loss() const {
    double const weight = state_.figure("average loss weight");
    return weight > 0 ? state_.figure("average loss sum") / weight : 0;
  }
  auto executor() {
    return [this](std::int64_t count, auto&& f) { net_.for_each(count, f); };
  }

  step_report one_step() {
    // Norm layers update their statistics while they run, so a step that fails has to give them back.
    if constexpr (self_updating_net<Net>) net_.remember_statistics();
    else statistics_before_.assign(statistics().begin(), statistics().end());
    step_report report{.step = step_, .steps = options_.steps};
    gather_momentum();
    std::vector<chosen_tile> tiles;
    for (int b = 0; b < options_.batch; ++b) {
      random_key const key = key_of(step_, b);
      auto const& at_hand = tiles_.get(key, executor());
      tiles.push_back(at_hand.from);
      double const loss = learn_from(at_hand.tile, key);
      if (!std::isfinite(loss)) diverged("the loss is " + std::to_string(loss), {tiles.back()});
      report.loss += loss / options_.batch;
    }
    report.gradient_norm = gradient_norm() / options_.batch;
    if (!std::isfinite(report.gradient_norm) && !skips_overflow())
      diverged("the norm of the gradient is " + std::to_string(report.gradient_norm), tiles);
    update(report);
    ++step_;
    // The average forgets by 2 % a step; its weight makes up for the steps that there were not.
    state_.set_figure("average loss sum", 0.98 * state_.figure("average loss sum") + 0.02 * report.loss);
    state_.set_figure("average loss weight", 0.98 * state_.figure("average loss weight") + 0.02);
    report.average_loss = average_loss();
    return report;
  }

  /// Is the gradient of a step added to the momentum? Where the rule allows for it, and the gradient is used as it is.
  bool gathers(gathering_optimizer auto const& o) const {
    return o.gathers() && options_.batch == 1 && std::isinf(options_.clip);
  }
  void gather_momentum() {
    if constexpr (gathering_net<Net>)
      with(optimizer_, [&]<class O>(O const& o) {
        if constexpr (gathering_optimizer<O>)
          if (gathers(o)) net_.gather_momentum(o.momentum);
      });
  }
  double gradient_norm() {
    if constexpr (self_updating_net<Net>) return net_.gradient_norm();
    else return euclidean_norm(gradients(), executor());
  }
  bool skips_overflow() const {
    if constexpr (self_updating_net<Net>) return net_.skips_overflow();
    else return false;
  }

  random_key key_of(std::int64_t step, int b) const {
    return {options_.seed, static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(b)};
  }

  /// The loss of one tile; its gradients are written, or added. The next tile is made while the network is busy, where
  /// it leaves the host the time.
  double learn_from(sample const& tile, random_key key) {
    bool const accumulate = key.sample > 0;
    if constexpr (asynchronous_net<Net>) {
      net_.start_loss_and_gradients(tile.input.view(), tile.labels.view(), tile.weights.view(), key, accumulate);
      int const b = static_cast<int>(key.sample) + 1;
      if (b < options_.batch) tiles_.ahead(key_of(step_, b), executor());
      else if (step_ + 1 < options_.steps) tiles_.ahead(key_of(step_ + 1, 0), executor());
      return net_.finish_loss_and_gradients();
    } else {
      return net_.loss_and_gradients(tile.input.view(), tile.labels.view(), tile.weights.view(), key, accumulate);
    }
  }

  void update(step_report& report) {
    double const factor = options_.schedule(step_, options_.steps);
    auto const scale = static_cast<float>(clip_factor(report.gradient_norm, options_.clip) / options_.batch);
    with(optimizer_, [&]<class O>(O const& o) {
      report.rate = o.rate * factor;
      constexpr int buffers = O::buffers;
      if constexpr (gathering_net<Net>) {
        if constexpr (gathering_optimizer<O>)
          if (gathers(o)) return net_.update_with_momentum(o.descent_at(factor));
      }
      if constexpr (self_updating_net<Net>) {
        net_.template update<buffers>(o.at(step_, factor), scale);
      } else {
        update_parameters<buffers>(o.at(step_, factor), scale, parameters().first(trainable()), gradients(),
                                   state_.optimizer, executor());
        if constexpr (requires { net_.parameters_changed(); }) net_.parameters_changed();
      }
    });
  }

  /// The best score so far lies in the checkpoints' figures, so that a resumed run goes on counting.
  std::optional<validation_score> best() const {
    if (state_.figure("validations") == 0) return {};
    return validation_score{static_cast<std::int64_t>(state_.figure("best score step")), state_.figure("best score")};
  }

  after_step validate(training_summary& summary) {
    validation const& v = *options_.validate;
    double const score = v.score();
    summary.scores.push_back({step_, score});
    auto const before = best();
    bool const better = !before ? score == score : v.lower_is_better ? score < before->score : score > before->score;
    if (better) {
      state_.set_figure("validations", state_.figure("validations") + 1);
      state_.set_figure("best score", score);
      state_.set_figure("best score step", static_cast<double>(step_));
      state_.set_figure("validations without gain", 0);
      if (v.best) save_to(v.best);
      return after_step::go_on;
    }
    double const idle = state_.figure("validations without gain") + 1;
    state_.set_figure("validations without gain", idle);
    return v.patience > 0 && idle >= v.patience ? after_step::stop : after_step::go_on;
  }

  void checkpoint() { last_checkpoint_ = save_to(options_.checkpoints); }

  std::string save_to(checkpoint_store const& store) {
    std::span<float const> const all = parameters_now();
    if (!std::all_of(all.begin(), all.end(), [](float p) { return std::isfinite(p); }))
      throw training_diverged("a parameter is infinite or not a number", step_ - 1, {}, last_checkpoint_);
    state_.step = static_cast<std::uint64_t>(step_);
    state_.parameters.assign(all.begin(), all.end());
    if constexpr (self_updating_net<Net>) state_.optimizer = net_.optimizer_state();
    std::string const place = store.save(state_);
    state_.parameters = {};  // a second copy is needed while saving only
    if constexpr (self_updating_net<Net>) state_.optimizer = {};
    return place;
  }

  /// The same bits as if training had never stopped, or an exception: never something in between.
  void go_on_from(training_state&& saved) {
    auto const fail = [](std::string const& what) {
      throw std::runtime_error("train: the newest checkpoint " + what +
                               ". Choose another folder for checkpoints, or set .resume = false to begin anew.");
    };
    if (saved.schema != state_.schema || saved.parameters.size() != parameters().size())
      fail("is of another model: it has " + std::to_string(saved.parameters.size()) + " parameters, this one " +
           std::to_string(parameters().size()));
    if (saved.seed != state_.seed)
      fail("was made with seed " + std::to_string(saved.seed) + ", options.seed is " + std::to_string(state_.seed));
    if (saved.optimizer_name != state_.optimizer_name)
      fail("was made with the optimizer " + saved.optimizer_name + ", options.optimizer is " + state_.optimizer_name);
    if (saved.optimizer.size() != state_.optimizer.size() ||
        std::any_of(saved.optimizer.begin(), saved.optimizer.end(),
                    [&](auto const& buffer) { return buffer.size() != trainable(); }))
      fail("has buffers of another size than its optimizer needs");
    std::copy(saved.parameters.begin(), saved.parameters.end(), parameters().begin());
    if constexpr (requires { net_.parameters_changed(); }) net_.parameters_changed();
    saved.parameters = {};
    // The values go where the zeros lie, on large pages.
    for (std::size_t i = 0; i < saved.optimizer.size(); ++i)
      std::copy(saved.optimizer[i].begin(), saved.optimizer[i].end(), state_.optimizer[i].begin());
    saved.optimizer = std::move(state_.optimizer);
    step_ = static_cast<std::int64_t>(saved.step);
    last_checkpoint_ = "that of step " + std::to_string(saved.step);
    state_ = std::move(saved);
  }

  [[noreturn]] void diverged(std::string const& what, std::vector<chosen_tile> tiles) {
    if constexpr (self_updating_net<Net>) net_.restore_statistics();
    else std::copy(statistics_before_.begin(), statistics_before_.end(), statistics().begin());
    throw training_diverged(what, step_, std::move(tiles), last_checkpoint_);
  }

  Net& net_;
  Optimizer const& optimizer_;
  training_options const& options_;
  training_state state_;   ///< without parameters, which live in the net
  std::int64_t step_ = 0;  ///< steps completed
  std::string last_checkpoint_;
  std::vector<float> statistics_before_;
  assembled_tiles<model> tiles_;
};

}  // namespace detail

/// Trains until options.steps are done, or a callback or the validation's patience stops it, and says what it did.
///
/// law     parameters are a function of the initial parameters, the data and the options: the same
///         bits for any number of threads, and for a run that was stopped and resumed in between
/// throws  std::invalid_argument: data or options that do not fit the model; training_diverged: a loss,
///         gradient or parameter that is not finite; std::runtime_error: a checkpoint of another run,
///         a log that cannot be written
/// memory  the optimizer's buffers and one tile, two where the network computes while the next one is made; a second
///         copy of the parameters while a checkpoint is written
template <trainable_net Net>
training_summary train(Net& net, samples const& data, training_options const& options = {}) {
  return detail::trainer<Net, any_optimizer>(net, data, options.optimizer, options).run();
}

/// The same with an optimizer of one's own; options.optimizer is not used.
template <trainable_net Net, optimizer Optimizer>
training_summary train(Net& net, samples const& data, Optimizer const& own, training_options const& options) {
  return detail::trainer<Net, Optimizer>(net, data, own, options).run();
}

}  // namespace oxbow
