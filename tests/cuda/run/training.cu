// Training on the device: it learns what the host learns, the same bits every time, stopped and resumed or not.
#include "training.hpp"

#include <optional>

#include "agreement.cuh"
using namespace oxbow;
using namespace oxbow::testing;

namespace {

/// Keeps the newest checkpoint in memory.
struct kept {
  std::optional<training_state>* newest;
  void save(training_state const& s) { *newest = s; }
  std::optional<training_state> load_newest() { return *newest; }
};

static_assert(asynchronous_net<network<trained, oxbow::cuda>> && self_updating_net<network<trained, cuda_f16>>);

template <class Backend> std::vector<float> parameters_of(network<trained, Backend> const& net) {
  auto const all = net.parameters();
  return {all.begin(), all.end()};
}

}  // namespace

TEST_CASE("a training run of 50 steps follows the host's") {
  constexpr std::int64_t steps = 50;
  samples const data = lessons();
  network<trained, oxbow::cuda> net{oxbow::cuda{}, seed{3}};
  auto const summary = train(net, data, how_to_train(steps));
  run_of_host const host = train_on_host(steps);
  REQUIRE(summary.losses.size() == host.losses.size());
  // A step's gradients agree within the bound of agreement.hpp. What one step moved wrongly the next ones start from:
  // to first order the steps' errors add up.
  double const each = 3 * rounding_bound(trained::forward);
  for (std::size_t i = 0; i < host.losses.size(); ++i) {
    INFO("step ", i);
    CHECK(std::abs(summary.losses[i] - host.losses[i]) <= each * static_cast<double>(i + 1) * host.losses[i]);
  }
  CHECK(relative_error(parameters_of(net), host.parameters) <= each * steps);
  CHECK(host.losses.back() < .8f * host.losses.front());
}

TEST_CASE("stop and resume gives the bits of running through") {
  samples const data = lessons();
  std::optional<training_state> state;
  network<trained, oxbow::cuda> through{oxbow::cuda{}, seed{3}};
  auto const whole = train(through, data, how_to_train(9));
  training_options o = how_to_train(9);
  o.checkpoints = kept{&state};
  o.callbacks = {[](step_report const& r) { return r.step == 4 ? after_step::stop : after_step::go_on; }};
  {
    network<trained, oxbow::cuda> first{oxbow::cuda{}, seed{3}};
    train(first, data, o);
  }
  o.callbacks = {};
  network<trained, oxbow::cuda> second{oxbow::cuda{}, seed{8}};
  auto const rest = train(second, data, o);
  CHECK(rest.first_step == 5);
  CHECK(rest.losses == std::vector<float>(whole.losses.begin() + 5, whole.losses.end()));
  CHECK(parameters_of(second) == parameters_of(through));
}

TEST_CASE_TEMPLATE("training in 16 bits follows training in 32", Backend, cuda_f16, cuda_bf16) {
  constexpr std::int64_t steps = std::is_same_v<Backend, cuda_f16> ? 50 : 20;
  samples const data = lessons();
  network<trained, Backend> net{Backend{}, seed{3}};
  auto const summary = train(net, data, how_to_train(steps));
  run_of_host const host = train_on_host(steps);
  // Each stored value is rounded to 2^−11 (bf16: 2^−8) of itself; sums of up to 144 products of either sign make 12
  // of it, in each of five layers, there and back. Roundings of both signs: the steps' errors add up as their root.
  double const unit = std::is_same_v<Backend, cuda_f16> ? 0x1p-11 : 0x1p-8;
  double worst = 0;
  for (std::size_t i = 0; i < host.losses.size(); ++i) {
    double const off = std::abs(summary.losses[i] - host.losses[i]) / host.losses[i];
    INFO("step ", i);
    CHECK(off <= 12 * unit * std::sqrt(2. * 5 * static_cast<double>(i + 1)));
    worst = std::max(worst, off);
  }
  CHECK(worst > 0x1p-20);  // else nothing was rounded
}

TEST_CASE("a step whose gradients overflow is left out, and the scale of the loss falls") {
  samples const data = lessons();
  network<trained, cuda_f16> net{cuda_f16{}, seed{3}};
  auto const trainable = static_cast<std::size_t>(net.trainable_count());
  std::vector<float> const before = parameters_of(net);
  net.set_loss_scale(0x1p40f);
  auto const summary = train(net, data, how_to_train(1));
  CHECK(std::isfinite(summary.losses[0]));
  std::vector<float> const after = parameters_of(net);
  CHECK(std::equal(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(trainable), after.begin()));
  CHECK(net.loss_scale() == 0x1p39f);
  net.set_loss_scale(0x1p10f);
  train(net, data, how_to_train(1));
  CHECK_FALSE(parameters_of(net) == after);
  CHECK(net.loss_scale() == 0x1p10f);
}

TEST_CASE_TEMPLATE("the length of the gradient is that of all gradients, of one tile and of the sum of two", Backend,
                   oxbow::cuda, cuda_f16) {
  samples const data = lessons();
  network<trained, Backend> net{Backend{}, seed{3}};
  image<float> const tile(trained::tile, 1, .25f);
  label_image const labels(trained::output);
  for (bool add : {false, true}) {
    net.loss_and_gradients(tile.view(), labels.view(), {}, {1, 0, add}, add);
    double const length = net.gradient_norm();
    auto const all = net.gradients().first(static_cast<std::size_t>(net.trainable_count()));
    CHECK(length > 0);
    CHECK(std::abs(length - euclidean_norm(all)) <= 1e-13 * length);
  }
}

TEST_CASE("a prediction is that of the parameters as they are, after a step and after statistics alone have moved") {
  network<trained, cuda_f16> net{cuda_f16{}, seed{3}};
  image<float> const tile(trained::tile, 1, .25f);
  label_image const labels(trained::output);
  auto const predicted = [&](auto& by) {
    image<float> logits(trained::output, trained::classes);
    by.infer(tile.view(), logits.view());
    return logits.data;
  };
  std::vector<float> last = predicted(net);
  net.set_optimizer_state({std::vector<float>(static_cast<std::size_t>(net.trainable_count()))});
  for (bool const updates : {true, false}) {
    net.loss_and_gradients(tile.view(), labels.view(), {}, {1, 0, 0}, false);
    net.gradient_norm();
    if (updates) net.template update<1>(sgd{.rate = .5f, .momentum = .9f}.at(0, 1), 1.f);
    std::vector<float> const now = predicted(net);
    network<trained, cuda_f16> fresh{cuda_f16{}, seed{8}};
    std::ranges::copy(std::as_const(net).parameters(), fresh.parameters().begin());
    CHECK(now == predicted(fresh));
    CHECK(now != last);
    last = now;
  }
}

TEST_CASE_TEMPLATE("weights that the optimizer has packed are those that packing makes", Backend, cuda_f16, cuda_bf16) {
  network<trained, Backend> net{Backend{}, seed{3}};
  image<float> const tile(trained::tile, 1, .25f);
  label_image const labels(trained::output);
  auto const step = [&] {
    double const loss = net.loss_and_gradients(tile.view(), labels.view(), {}, {1, 0, 0}, false);
    auto const g = net.gradients();
    return std::pair{loss, std::vector<float>(g.begin(), g.end())};
  };
  net.set_optimizer_state({std::vector<float>(static_cast<std::size_t>(net.trainable_count()))});
  auto const before = step();
  net.gradient_norm();
  net.template update<1>(sgd{.rate = .5f, .momentum = .9f}.at(0, 1), 1.f);
  auto const by_optimizer = step();
  net.parameters();  // may have been changed: they are packed anew
  CHECK(by_optimizer == step());
  CHECK(by_optimizer.first != before.first);
}
