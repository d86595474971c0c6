// Stopped, killed and resumed runs end with the bits of a run that nobody disturbed: the real network, real files.
#include <oxbow/augment/gather.hpp>
#include <oxbow/augment/grey.hpp>
#include <oxbow/augment/rigid.hpp>
#include <oxbow/io/checkpoint.hpp>
#include <oxbow/train/loop.hpp>
#include <poll.h>
#include <sys/wait.h>

#include <csignal>

#include "whole.hpp"

using namespace oxbow;
using namespace oxbow::testing;

namespace {

// Everything that a resume could lose is in it: running statistics, masks of dropout, momentum.
using net_type = model<seq<conv<10, 3, pad::zero>, batch_norm, relu,
                           level<seq<conv<8, 3, pad::zero>, dropout<.3f>>,
                                 seq<max_pool<2>, conv<12, 3, pad::zero>, batch_norm, relu, up_conv<8>>,
                                 conv<8, 3, pad::zero>>,
                           conv<3, 1>>,
                       tile<16, 20>>;
static_assert(net_type::forward.parameter_count > net_type::parameter_count);

samples data() {
  std::vector<sample> all{example({1, 31, 25}, 1, 3, 1), example({1, 17, 40}, 1, 3, 2)};
  return samples{std::move(all)};
}

training_options options(any_optimizer const& optimizer, std::int64_t steps) {
  return {.optimizer = optimizer,
          .schedule = cosine{.warm_up = 4},
          .augment = rotate{} | mirror{} | grey{},
          .steps = steps,
          .batch = 2,
          .clip = 2,
          .seed = 77};
}

/// All that a run leaves behind but its time.
bool same_state(training_state const& a, training_state const& b) {
  bool same = a.schema == b.schema && a.step == b.step && a.seed == b.seed && a.optimizer_name == b.optimizer_name &&
              same_bits(a.parameters, b.parameters) && a.optimizer.size() == b.optimizer.size() && a.extra == b.extra;
  for (std::size_t i = 0; same && i < a.optimizer.size(); ++i) same = same_bits(a.optimizer[i], b.optimizer[i]);
  return same;
}

}  // namespace

TEST_CASE("stop and resume gives the bits of running through, whatever the network was before") {
  samples const d = data();
  for (any_optimizer const& optimizer : {any_optimizer{sgd{.rate = 0.02f, .momentum = 0.9f}}, any_optimizer{adam{.rate = 1e-2f}}}) {
    fresh_folder const folder{"resume"};
    network<net_type, host> through{host{2}, seed{1}};
    training_options o = options(optimizer, 24);
    o.checkpoints = checkpoints{folder / "through"};
    auto const whole = train(through, d, o);

    o.checkpoints = checkpoints{folder / "stopped"};
    o.checkpoint_every = 5;
    std::vector<float> losses;
    // Three runs, each in a network of its own that begins elsewhere, with other threads.
    for (int const last : {7, 15, 99}) {
      network<net_type, host> net{host{1 + last % 3}, seed{static_cast<std::uint64_t>(last == 7 ? 1 : last)}};
      o.callbacks = {[&](step_report const& r) { return r.step == last ? after_step::stop : after_step::go_on; }};
      auto const part = train(net, d, o);
      CHECK(part.first_step == static_cast<std::int64_t>(losses.size()));
      losses.insert(losses.end(), part.losses.begin(), part.losses.end());
      if (last < 99) CHECK_FALSE(same_bits(net.parameters(), through.parameters()));
      else CHECK(same_bits(net.parameters(), through.parameters()));
      if (last == 99) CHECK(part.average_loss == whole.average_loss);
    }
    CHECK(same_bits(losses, whole.losses));
    CHECK(same_state(checkpoints{folder / "stopped"}.load_newest().value(),
                     checkpoints{folder / "through"}.load_newest().value()));
  }
}

TEST_CASE("a network that has predicted before it resumed predicts what was trained") {
  fresh_folder const folder{"resume-predict"};
  samples const d = data();
  training_options o = options(sgd{.rate = 0.02f}, 3);
  o.checkpoints = checkpoints{folder.path};
  network<net_type, host> trained{host{1}, seed{1}}, other{host{1}, seed{2}};
  image<float> const tile = noise(net_type::tile, 1, 5);
  image<float> a(net_type::output, 3), b(net_type::output, 3);
  train(trained, d, o);
  trained.infer(tile.view(), a.view());
  other.infer(tile.view(), b.view());
  CHECK_FALSE(same_bits(a, b));
  CHECK(train(other, d, o).losses.empty());  // nothing is left to do but to load
  other.infer(tile.view(), b.view());
  CHECK(same_bits(a, b));
}

TEST_CASE("a run that is killed again and again ends with the bits of an undisturbed one") {
  constexpr std::int64_t steps = 240;
  fresh_folder const folder{"kill"};
  samples const d = data();
  training_options o = options(adam{.rate = 3e-3f}, steps);
  o.checkpoint_every = 2;
  // One run, from whatever the folder holds on; `told` is called after each step.
  auto const run = [&](std::string const& where, auto const& told) {
    network<net_type, host> net{host{2}, seed{1}};
    o.checkpoints = checkpoints{folder / where};
    o.callbacks = {[&](step_report const& r) { told(r.step); }};
    train(net, d, o);
    return bits_of(net);
  };
  std::vector<float> const undisturbed = run("undisturbed", [](std::int64_t) {});

  // Each child does some steps and then dies at any moment of the next ones, which take a millisecond or two each,
  // half of them for a checkpoint. No thread of ours is alive when it is forked.
  random_stream const random{2025, purpose::example_data};
  std::int64_t steps_done = 0, steps_lost = 0, newest = -1;
  int kills = 0, torn = 0;
  std::uint64_t number = 0;
  for (bool finished = false; !finished; ++number) {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    pid_t const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      int code = 0;
      try {
        run("killed", [&](std::int64_t step) {
          if (::write(pipe[1], &step, sizeof step) != sizeof step) ::_exit(2);
        });
      } catch (...) {
        code = 1;
      }
      ::_exit(code);
    }
    ::close(pipe[1]);
    std::int64_t step = 0;
    for (std::uint32_t wait = random.below(2 * number, 8); wait > 0; --wait)
      if (::read(pipe[0], &step, sizeof step) != sizeof step) break;
    ::usleep(random.below(2 * number + 1, 5'000));
    if (number < 60) ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    bool const killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    REQUIRE((killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0)));
    finished = !killed;
    kills += killed;
    while (::read(pipe[0], &step, sizeof step) == sizeof step) {}
    ::close(pipe[0]);
    if (!std::filesystem::exists(folder / "killed")) continue;
    for (auto const& entry : std::filesystem::directory_iterator{folder / "killed"})
      torn += entry.path().extension() == partial_suffix;
    bool complained = false;
    auto const state = checkpoints{folder / "killed", 2, [&](auto const&) { complained = true; }}.load_newest();
    CHECK_FALSE(complained);
    std::int64_t const saved = state ? static_cast<std::int64_t>(state->step) : 0;
    CHECK(saved >= newest);  // never back behind what was safe
    newest = saved;
    steps_done = std::max(steps_done, step + 1);
    steps_lost += std::max<std::int64_t>(0, step + 1 - saved);
  }
  CHECK(kills >= 20);
  CHECK(steps_lost > 0);  // else nothing was ever done twice
  auto const last = checkpoints{folder / "killed"}.load_newest().value();
  CHECK(last.step == steps);
  CHECK(same_bits(last.parameters, undisturbed));
  CHECK(same_state(last, checkpoints{folder / "undisturbed"}.load_newest().value()));
  MESSAGE(kills, " kills, ", torn, " of them in the middle of a write; ", steps_lost, " steps were done again");
}
