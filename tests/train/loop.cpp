// The training loop: what it computes, that threads and stops change nothing, and how it ends when it must.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <oxbow/train/loop.hpp>

#include "fake_net.hpp"

using namespace oxbow;

namespace {

/// Checkpoints in memory, shared by copies.
struct memory {
  std::shared_ptr<std::vector<training_state>> all = std::make_shared<std::vector<training_state>>();

  void save(training_state const& state) { all->push_back(state); }
  std::optional<training_state> load_newest() const { return all->empty() ? std::nullopt : std::optional{all->back()}; }
};

samples data() {
  std::vector<image<float>> images{fake::picture({1, 23, 31}, 0), fake::picture({1, 4, 3}, 1)};
  std::vector<label_image> labels{fake::truth(images[0]), fake::truth(images[1])};
  return {std::move(images), std::move(labels)};
}

std::vector<float> bits_of(fake::net& net) { return {net.parameters().begin(), net.parameters().end()}; }

bool same_bits(std::vector<float> const& a, std::vector<float> const& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

struct sign_descent {
  float rate = 0.01f;
  static constexpr char const* name = "sign";
  static constexpr int buffers = 0;
  struct rule {
    float rate;
    void operator()(float& p, float g, std::array<float*, 0>) const { p -= g > 0 ? rate : g < 0 ? -rate : 0; }
  };
  rule at(std::int64_t, double factor) const { return {static_cast<float>(rate * factor)}; }
};

/// An augmentation in miniature, with what the library's own offer: draw and gather.
struct darken {
  float most = 0.5f;
};
struct drawn_darken {
  float by;
};
struct view_of_sample {
  sample const* whole;
};
struct view_of_tile {
  sample* tile;
};

template <class Exception, class Call> std::string message_of(Call&& call) {
  try {
    call();
  } catch (Exception const& e) {
    return e.what();
  }
  return {};
}

}  // namespace

namespace oxbow {
// Stands in for the namespace of an augmentation: found through the pipeline and the sample.
static drawn_darken draw(darken const& d, random_key key, extent) {
  return {random_stream{key.seed, purpose::augmentation, key.step, key.sample}.uniform(0, 0, d.most)};
}
static view_of_sample source_of(sample const& s) { return {&s}; }
static view_of_tile target_of(sample& s) { return {&s}; }
static void gather(view_of_sample from, drawn_darken d, extent corner, view_of_tile to, parallel_for const& for_each) {
  cut_tile(*from.whole, corner, *to.tile, for_each);
  for (float& v : to.tile->input.data) v -= d.by;
}
}  // namespace oxbow

TEST_CASE("training learns: the loss falls by half and the parameters follow the gradient") {
  samples const d = data();
  fake::net net;
  auto const summary = train(net, d, {.optimizer = sgd{.rate = 0.3f, .momentum = 0.9f}, .steps = 150});
  CHECK(summary.first_step == 0);
  CHECK(summary.steps == 150);
  CHECK_FALSE(summary.stopped);
  REQUIRE(summary.losses.size() == 150);
  CHECK(summary.losses[0] == doctest::Approx(std::log(3.)).epsilon(0.05));  // all classes alike at first
  CHECK(summary.average_loss < 0.5 * std::log(3.));
  CHECK(net.changes == 150);
}

TEST_CASE("one step is the optimizer's rule on the mean of the batch's gradients, clipped") {
  samples const d = data();
  random_key const key{9, 0, 0};
  // By hand, with another net: two tiles, their gradients added, halved, and shortened.
  fake::net by_hand;
  std::vector<double> sum(fake::net::trainable, 0.);
  double loss = 0;
  for (std::uint32_t b = 0; b < 2; ++b) {
    random_key k = key;
    k.sample = b;
    chosen_tile const at = choose_tile(d, k, fake::facts::output);
    sample tile{image<float>(fake::facts::tile), label_image(fake::facts::output), image<float>(fake::facts::output)};
    cut_tile(d[at.sample], {0, at.corner.height - 1, at.corner.width - 1}, tile, serial_for{});
    for (std::size_t i = 0; i < 48; ++i)
      if (tile.labels.data[i] != ignored) tile.weights.data[i] = tile.labels.data[i] == 2 ? 4.f : 1.f;
    loss += by_hand.loss_and_gradients(tile.input.view(), tile.labels.view(), tile.weights.view(), k, false) / 2;
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(by_hand.gradients()[i]) / 2;
  }
  double length = 0;
  for (double g : sum) length += g * g;
  length = std::sqrt(length);
  REQUIRE(length > 0.2);  // so that clipping does something

  fake::net net;
  std::vector<float> const before = bits_of(net);
  step_report seen;
  train(net, d,
        {.optimizer = sgd{.rate = 0.5f},
         .schedule = [](std::int64_t, std::int64_t) { return 0.25; },
         .steps = 1,
         .batch = 2,
         .clip = 0.2,
         .class_weights = {1, 1, 4},
         .callbacks = {[&](step_report const& r) { seen = r; }},
         .seed = 9});
  CHECK(seen.loss == doctest::Approx(loss).epsilon(1e-12));
  CHECK(seen.rate == 0.125);
  // Gradients pass through floats: relative 2^-23 each, and 30 of them make the norm.
  CHECK(seen.gradient_norm == doctest::Approx(length).epsilon(1e-6));
  for (std::size_t i = 0; i < sum.size(); ++i) {
    double const expected = static_cast<double>(before[i]) - 0.125 * sum[i] * 0.2 / length;
    CHECK(std::abs(static_cast<double>(net.parameters()[i]) - expected) <
          1e-6);  // 4 roundings of numbers below 1, and clip's 1e-6
  }
}

TEST_CASE("the same seed gives the same bits for 1, 2 and 4 threads, and another seed others") {
  samples const d = data();
  auto const run = [&](int threads, std::uint64_t seed) {
    fake::net net(threads);
    auto const s = train(
        net, d,
        {.optimizer = adam{.rate = 1e-2f}, .augment = darken{}, .steps = 40, .batch = 2, .clip = 1, .seed = seed});
    return std::tuple{bits_of(net), s.losses};
  };
  auto const one = run(1, 3);
  CHECK(run(2, 3) == one);
  CHECK(run(4, 3) == one);
  CHECK(run(1, 4) != one);
}

TEST_CASE_TEMPLATE("stop and resume give the bits of running through", Optimizer, sgd, adam, adamw) {
  samples const d = data();
  Optimizer optimizer{};
  optimizer.rate = 0.02f;
  if constexpr (requires { optimizer.momentum; }) optimizer.momentum = 0.99f;
  training_options options{.optimizer = optimizer,
                           .schedule = cosine{.warm_up = 5},
                           .augment = darken{},
                           .steps = 60,
                           .batch = 3,
                           .checkpoint_every = 7};
  fake::net through;
  auto const whole = train(through, d, options);

  memory store;
  options.checkpoints = store;
  std::vector<float> losses;
  fake::net stopped;
  options.callbacks = {[](step_report const& r) { return r.step == 30 ? after_step::stop : after_step::go_on; }};
  auto const part = train(stopped, d, options);
  CHECK(part.stopped);
  CHECK(part.steps == 31);
  losses = part.losses;
  CHECK(store.all->size() == 5);  // 7, 14, 21, 28, and 31 where it stopped
  CHECK_FALSE(same_bits(bits_of(stopped), bits_of(through)));

  options.callbacks = {};
  fake::net fresh;
  for (float& p : fresh.parameters()) p = 123;  // everything comes from the checkpoint
  auto const rest = train(fresh, d, options);
  CHECK(rest.first_step == 31);
  CHECK(rest.steps == 60);
  losses.insert(losses.end(), rest.losses.begin(), rest.losses.end());
  CHECK(same_bits(losses, whole.losses));
  CHECK(same_bits(bits_of(fresh), bits_of(through)));
  CHECK(rest.average_loss == whole.average_loss);

  // Killed between checkpoints: the newest one is older than the last step.
  store.all->resize(3);
  fake::net killed;
  train(killed, d, options);
  CHECK(same_bits(bits_of(killed), bits_of(through)));

  // Nothing is left to do.
  fake::net again;
  auto const none_left = train(again, d, options);
  CHECK(none_left.losses.empty());
  CHECK(none_left.average_loss == whole.average_loss);
  CHECK(same_bits(bits_of(again), bits_of(through)));
}

TEST_CASE("a checkpoint of another run is refused and nothing is changed") {
  samples const d = data();
  memory store;
  fake::net net;
  train(net, d, {.steps = 3, .checkpoints = store, .seed = 5});
  std::vector<float> const before = bits_of(net);
  auto const refused = [&](training_options options) {
    options.steps = 9;
    options.checkpoints = store;
    std::string const text = message_of<std::runtime_error>([&] { train(net, d, options); });
    CHECK(same_bits(bits_of(net), before));
    CHECK((text.empty() || text.find(".resume = false") != std::string::npos));
    return text;
  };
  CHECK(refused({.seed = 6}).find("seed 5, options.seed is 6") != std::string::npos);
  CHECK(refused({.optimizer = adam{}, .seed = 5}).find("sgd, options.optimizer is adam") != std::string::npos);
  store.all->back().optimizer[0].pop_back();
  CHECK(refused({.seed = 5}).find("buffers of another size") != std::string::npos);
  store.all->back().schema += 1;
  CHECK(refused({.seed = 5}).find("another model") != std::string::npos);
  fake::net anew;
  CHECK(train(anew, d, {.steps = 2, .checkpoints = store, .resume = false}).first_step == 0);
}

TEST_CASE("a loss that is not a number stops training before it does harm, and says where") {
  samples const d = data();
  fake::net net, good;
  memory store;
  train(good, d, {.steps = 10});
  chosen_tile const where = choose_tile(d, {1, 10, 0}, fake::facts::output);
  try {
    net.spoil = [](random_key k, double& loss, std::vector<float>&) {
      if (k.step == 10) loss = std::numeric_limits<double>::quiet_NaN();
    };
    train(net, d, {.steps = 20, .checkpoints = store, .checkpoint_every = 4});
    FAIL("it went on");
  } catch (training_diverged const& e) {
    std::string const text = e.what();
    CAPTURE(text);
    CHECK(e.step == 10);
    REQUIRE(e.tiles.size() == 1);
    CHECK(e.tiles[0].sample == where.sample);
    CHECK(e.tiles[0].corner == where.corner);
    CHECK(text.find("the loss is nan at step 10 (sample " + std::to_string(where.sample) + ", tile at (z 0, y " +
                    std::to_string(where.corner.height)) != std::string::npos);
    CHECK(text.find("that of step 8") != std::string::npos);
  }
  CHECK(same_bits(bits_of(net), bits_of(good)));  // running statistics included
  REQUIRE(store.all->size() == 2);
  CHECK(store.all->back().step == 8);
}

TEST_CASE("an infinite gradient or parameter stops training as well") {
  samples const d = data();
  fake::net net;
  std::vector<float> const before = bits_of(net);
  net.spoil = [](random_key k, double&, std::vector<float>& g) {
    if (k.sample == 1) g[29] = std::numeric_limits<float>::infinity();
  };
  std::string const text = message_of<training_diverged>([&] { train(net, d, {.batch = 2}); });
  CAPTURE(text);
  CHECK(text.find("norm of the gradient is inf at step 0 (sample") != std::string::npos);
  CHECK(text.find("; sample") != std::string::npos);  // both tiles of the batch are suspect
  CHECK(text.find("no checkpoint yet") != std::string::npos);
  CHECK(same_bits(bits_of(net), before));

  // Gradients beyond the trainable elements are nobody's business.
  net.spoil = [](random_key, double&, std::vector<float>& g) { g[30] = std::numeric_limits<float>::quiet_NaN(); };
  CHECK_NOTHROW(train(net, d, {.steps = 2}));

  // A checkpoint never holds a parameter that is not finite.
  memory store;
  net.spoil = [](random_key k, double&, std::vector<float>& g) {
    if (k.step == 5) g[0] = 3e38f;
  };
  std::string const late = message_of<training_diverged>(
      [&] { train(net, d, {.optimizer = sgd{.rate = 100}, .steps = 6, .checkpoints = store, .checkpoint_every = 5}); });
  CAPTURE(late);
  CHECK(late.find("a parameter is infinite or not a number at step 5; the last good checkpoint is that of step 5") !=
        std::string::npos);
  CHECK(store.all->size() == 1);
}

TEST_CASE("an optimizer of one's own works like those of the library") {
  static_assert(optimizer<sign_descent>);
  fake::net net;
  std::vector<float> const before = bits_of(net);
  train(net, data(), sign_descent{.rate = 0.5f}, {.steps = 1});
  for (std::size_t i = 0; i < fake::net::trainable; ++i)
    CHECK(std::abs(net.parameters()[i] - before[i]) == doctest::Approx(0.5).epsilon(1e-6));
}

TEST_CASE("options that make no sense are refused in a sentence") {
  samples const d = data();
  fake::net net;
  auto const refused = [&](training_options const& o) {
    return message_of<std::invalid_argument>([&] { train(net, d, o); });
  };
  CHECK(refused({.steps = -1}).find("options.steps is -1") != std::string::npos);
  CHECK(refused({.batch = 0}).find("options.batch is 0") != std::string::npos);
  CHECK(refused({.clip = 0}).find("options.clip is 0") != std::string::npos);
  CHECK(refused({.clip = std::nan("")}).find("options.clip") != std::string::npos);
  CHECK(refused({.checkpoint_every = 0}).find("checkpoint_every") != std::string::npos);
  CHECK(refused({.schedule = rate_schedule{}}).find("schedule") != std::string::npos);
  CHECK(refused({.class_weights = {1, 2}}).find("2 class weights") != std::string::npos);
  CHECK(refused({.optimizer = sgd{.rate = std::nanf("")}}).find("rate") != std::string::npos);
  CHECK(train(net, d, {.steps = 0}).losses.empty());
}

TEST_CASE("log and progress tell of every step, also over a resume") {
  auto const path = std::filesystem::temp_directory_path() / ("oxbow-loop-" + std::to_string(getpid()) + ".csv");
  std::filesystem::remove(path);
  memory store;
  std::FILE* const screen = std::tmpfile();
  REQUIRE(screen);
  training_options options{
      .steps = 10,
      .callbacks = {[](step_report const& r) { return r.step == 5 ? after_step::stop : after_step::go_on; }},
      .checkpoints = store,
      .checkpoint_every = 4,
      .log = csv_log{path},
      .progress = progress_bar{.out = screen, .percent = 50}};
  fake::net net;
  auto losses = train(net, data(), options).losses;
  store.all->pop_back();  // as if killed after step 5: the checkpoint of step 4 is the newest
  losses.resize(4);
  options.callbacks = {};
  auto const rest = train(net, data(), options).losses;
  losses.insert(losses.end(), rest.begin(), rest.end());

  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  CHECK(line == "step,loss,rate,seconds");
  for (int i = 0; i < 10; ++i) {
    REQUIRE(std::getline(in, line));
    int step = -1;
    float loss = 0;
    REQUIRE(std::sscanf(line.c_str(), "%d,%f", &step, &loss) == 2);
    CHECK(step == i);
    CHECK(loss == losses[static_cast<std::size_t>(i)]);  // nine digits give the float back
  }
  CHECK_FALSE(std::getline(in, line));
  std::filesystem::remove(path);

  std::rewind(screen);
  char text[512] = {};
  CHECK(std::fread(text, 1, sizeof text - 1, screen) > 0);
  std::fclose(screen);
  std::string const shown = text;
  CHECK(shown.find("step 5/10 (50 %)") != std::string::npos);
  CHECK(shown.find("step 10/10 (100 %)") != std::string::npos);
  CHECK(shown.find('\r') == std::string::npos);
}

namespace {

/// The same network in two calls, with a record of what happened in which order.
class slow_net : public fake::net {
 public:
  void start_loss_and_gradients(image_view<float const> x, image_view<std::uint8_t const> labels,
                                image_view<float const> weights, random_key key, bool accumulate) {
    events += 's';
    loss_ = loss_and_gradients(x, labels, weights, key, accumulate);
  }
  double finish_loss_and_gradients() {
    events += 'f';
    return loss_;
  }
  std::string events;

 private:
  double loss_ = 0;
};
static_assert(asynchronous_net<slow_net> && !asynchronous_net<fake::net>);

/// Says when it is used, and fails in one step.
struct observed {
  std::string* events;
  std::uint32_t fails_in = ~0u;
};

}  // namespace

namespace oxbow {
static drawn_darken draw(observed const& o, random_key key, extent tile) {
  *o.events += 'a';
  if (key.step == o.fails_in) throw std::runtime_error("a tile that cannot be made");
  return draw(darken{}, key, tile);
}
}  // namespace oxbow

TEST_CASE("a network that computes while the next tile is made learns the same") {
  samples const d = data();
  for (int const batch : {1, 2}) {
    training_options o{.optimizer = sgd{.rate = 0.2f}, .steps = 3, .batch = batch, .seed = 8};
    std::string in_turn;
    fake::net waits;
    o.augment = observed{&in_turn};
    auto const expected = train(waits, d, o);
    slow_net net;
    o.augment = observed{&net.events};
    auto const got = train(net, d, o);
    CHECK(got.losses == expected.losses);
    CHECK(same_bits(bits_of(net), bits_of(waits)));
    // Each but the first is made between start and finish of the one before; none is made that nobody learns from.
    CHECK(net.events == (batch == 1 ? "asafsafsf" : "asafsafsafsafsafsf"));
    CHECK(in_turn == std::string(static_cast<std::size_t>(3 * batch), 'a'));
  }
}

TEST_CASE("a tile that cannot be made fails in its own step, also where it is made ahead") {
  samples const d = data();
  fake::net two_steps;
  training_options o{.optimizer = sgd{.rate = 0.2f}, .steps = 2, .seed = 8};
  o.augment = darken{};
  train(two_steps, d, o);
  slow_net net;
  o.steps = 5, o.augment = observed{&net.events, 2};
  CHECK(message_of<std::runtime_error>([&] { train(net, d, o); }) == "a tile that cannot be made");
  CHECK(net.events == "asafsaf");
  CHECK(same_bits(bits_of(net), bits_of(two_steps)));
}
