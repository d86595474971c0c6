// Gradients that are added to the momentum where they are made: to the bit what the optimizer makes of gradients that
// have a memory of their own.
#include "small_paper.hpp"
#include "training.hpp"

#include <oxbow/cuda/run/network.cuh>

#include <doctest/doctest.h>
using namespace oxbow;
using namespace oxbow::testing;

namespace {

template <class Model> image<float> noise(std::uint32_t which) {
  image<float> x(Model::tile);
  random_stream const s{1, purpose::noise, which};
  for (std::size_t i = 0; i < x.data.size(); ++i) x.data[i] = s.uniform(i, -1, 1);
  return x;
}
template <class Model> label_image some_labels() {
  label_image labels(Model::output);
  for (std::size_t i = 0; i < labels.data.size(); ++i) labels.data[i] = static_cast<std::uint8_t>(i / 7 % 3);
  return labels;
}

enum class step { gathers, keeps_apart, overflows };

/// All that a network shows after each of some steps.
struct outcome {
  std::vector<float> numbers, gradients;
  void take(std::span<float const> more) { numbers.insert(numbers.end(), more.begin(), more.end()); }
};

/// apart: nothing is gathered, whatever the steps say.
template <class Model, class Backend> outcome train_with(std::initializer_list<step> steps, bool apart) {
  network<Model, Backend> net{Backend{}, seed{3}};
  label_image const labels = some_labels<Model>();
  net.set_optimizer_state({std::vector<float>(static_cast<std::size_t>(net.trainable_count()))});
  sgd const optimizer{.rate = .05f, .momentum = .9f};
  outcome all;
  std::uint32_t number = 0;
  for (step const what : steps) {
    bool const gathers = what != step::keeps_apart && !apart;
    float const usual = what == step::overflows ? net.loss_scale() : 1;
    if (what == step::overflows) net.set_loss_scale(0x1p100f);
    if (gathers) net.gather_momentum(optimizer.momentum);
    image<float> const x = noise<Model>(number);
    all.numbers.push_back(
        static_cast<float>(net.loss_and_gradients(x.view(), labels.view(), {}, {1, number, 0}, false)));
    all.numbers.push_back(static_cast<float>(net.gradient_norm()));
    if (what == step::overflows) CHECK(!std::isfinite(all.numbers.back()));
    else all.gradients.insert(all.gradients.end(), net.gradients().begin(), net.gradients().end());
    if (gathers) net.update_with_momentum(optimizer.descent_at(1));
    else net.template update<1>(optimizer.at(0, 1), 1.f);
    if (what == step::overflows) net.set_loss_scale(usual), all.numbers.back() = 0;
    if (number % 2 == 0) all.take(net.optimizer_state()[0]);
    image<float> logits(Model::output, 3);
    net.infer(x.view(), logits.view());
    all.take(logits.data);
    ++number;
  }
  all.take(std::as_const(net).parameters());
  all.take(net.optimizer_state()[0]);
  return all;
}

template <class Model, class Backend> void compare(std::initializer_list<step> steps) {
  outcome const together = train_with<Model, Backend>(steps, false), apart = train_with<Model, Backend>(steps, true);
  CHECK(together.numbers == apart.numbers);
  CHECK(apart.numbers[0] > 0);
  // the difference of two momenta, of which each is rounded: they are at most ten times the largest gradient
  REQUIRE(together.gradients.size() == apart.gradients.size());
  float largest = 0, error = 0;
  for (std::size_t i = 0; i < apart.gradients.size(); ++i) {
    largest = std::max(largest, std::fabs(apart.gradients[i]));
    error = std::max(error, std::fabs(together.gradients[i] - apart.gradients[i]));
  }
  CHECK(largest > 0);
  CHECK(error <= 10 * largest * 0x1p-23f);
}

}  // namespace

TEST_CASE_TEMPLATE("momentum with the gradient added is the momentum", B, cuda_f16, cuda_tf32, oxbow::cuda) {
  using enum step;
  compare<trained, B>({gathers, gathers, gathers, keeps_apart, gathers, keeps_apart, keeps_apart, gathers});
}

TEST_CASE("a step that overflows leaves the momentum as it was") {
  using enum step;
  compare<small_paper, cuda_f16>({gathers, overflows, gathers, overflows, overflows, keeps_apart, gathers});
}

TEST_CASE("training gathers where nothing is in its way, and makes the same weights") {
  samples const data = lessons();
  training_options how{.optimizer = sgd{.rate = .05f, .momentum = .9f}, .steps = 7, .batch = 1, .seed = 77};
  network<trained, cuda_f16> gathering{cuda_f16{}, seed{3}}, clipping{cuda_f16{}, seed{3}};
  training_summary const one = train(gathering, data, how);
  how.clip = 1e30;  // never reached, but there might be something to scale by
  training_summary const other = train(clipping, data, how);
  CHECK(std::ranges::equal(gathering.parameters(), clipping.parameters()));
  CHECK(one.losses == other.losses);
  CHECK(gathering.optimizer_state() == clipping.optimizer_state());
  CHECK_THROWS_WITH_AS((gathering.update<1>(sgd{}.at(0, 1), 1.f)), doctest::Contains("gather_momentum"),
                       std::logic_error);
  CHECK_THROWS_WITH_AS(gathering.update_with_momentum(sgd{}.descent_at(1)), doctest::Contains("since the last step"),
                       std::logic_error);
  CHECK_THROWS_WITH_AS(clipping.update_with_momentum(sgd{}.descent_at(1)), doctest::Contains("gather_momentum"),
                       std::logic_error);
}

TEST_CASE("gradients outlive the buffers that they went into, and a step that was never taken is forgotten") {
  image<float> const x = noise<small_paper>(1);
  label_image const labels = some_labels<small_paper>();
  auto const none = [](auto const& net) { return std::vector<float>(static_cast<std::size_t>(net.trainable_count())); };
  network<small_paper, cuda_f16> net{cuda_f16{}, seed{3}}, other{cuda_f16{}, seed{3}};
  net.set_optimizer_state({none(net)});
  for (std::uint32_t step = 0; step < 2; ++step) {  // the second one goes into the optimizer's own buffer
    net.gather_momentum(.5f);
    net.loss_and_gradients(x.view(), labels.view(), {}, {1, step, 0}, false);
    net.gradient_norm();
    if (step == 0) net.update_with_momentum(sgd{.rate = 0}.descent_at(1));
  }
  other.loss_and_gradients(x.view(), labels.view(), {}, {1, 1, 0}, false);
  net.set_optimizer_state({none(net), none(net)});  // of an optimizer that gathers nothing
  float largest = 0, error = 0;
  for (std::size_t i = 0; i < other.gradients().size(); ++i) {
    largest = std::max(largest, std::fabs(other.gradients()[i]));
    error = std::max(error, std::fabs(net.gradients()[i] - other.gradients()[i]));
  }
  CHECK(largest > 0);
  CHECK(error <= 2 * largest * 0x1p-23f);
  // two tiles, which a step that gathers would refuse
  net.loss_and_gradients(x.view(), labels.view(), {}, {1, 2, 0}, false);
  net.loss_and_gradients(x.view(), labels.view(), {}, {1, 2, 1}, true);
  CHECK_NOTHROW(net.update<2>(adam{}.at(0, 1), .5f));
}

TEST_CASE("what cannot be gathered is said") {
  network<small_paper, cuda_f16> net{cuda_f16{}, seed{3}};
  CHECK_THROWS_WITH_AS(net.gather_momentum(.9f), doctest::Contains("0 buffers"), std::logic_error);
  net.set_optimizer_state({std::vector<float>(static_cast<std::size_t>(net.trainable_count()))});
  CHECK_THROWS_WITH_AS(net.gather_momentum(0), doctest::Contains("momentum of 0.0"), std::logic_error);
  net.gather_momentum(.9f);
  image<float> const x = noise<small_paper>(1);
  label_image const labels = some_labels<small_paper>();
  CHECK_THROWS_WITH_AS(net.loss_and_gradients(x.view(), labels.view(), {}, {}, true), doctest::Contains("one tile"),
                       std::logic_error);
}
