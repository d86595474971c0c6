#include "law.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include <oxbow/core/random.hpp>
#include <oxbow/lower/differentiate.hpp>
#include <oxbow/lower/inference.hpp>

namespace oxbow::testing {
namespace {

std::vector<float> random_floats(std::int64_t count, std::uint64_t seed, float low, float high) {
  random_stream const stream{seed, purpose::noise, 0, 0};
  std::vector<float> numbers;
  for (std::int64_t i = 0; i < count; ++i)
    numbers.push_back(static_cast<float>(stream.uniform(static_cast<std::uint64_t>(i), low, high)));
  return numbers;
}

}  // namespace

subject::subject(flat_graph const& forward, std::uint64_t seed) {
  value const &x = forward.values[0], &y = forward.values[forward.output];
  image = tensor{x.size, x.channels};
  image.data = random_floats(x.count(), seed, -1, 1);
  parameters = random_floats(forward.parameter_count, seed + 1, -0.5f, 0.5f);
  for (auto const& p : forward.parameters)
    if (p.is == role::running_variance)
      for (std::int64_t i = 0; i < p.count(); ++i) parameters[static_cast<std::size_t>(p.offset + i)] += 1;
  given.training = true;
  given.key = {7, 3, 2};
  given.weights = tensor{y.size, 1};
  given.weights.data = random_floats(y.size.volume(), seed + 2, 0.5f, 2);
  for (float const u : random_floats(y.size.volume(), seed + 3, 0, static_cast<float>(y.channels) + 0.2f)) {
    int const label = static_cast<int>(u);
    given.labels.push_back(label < y.channels ? static_cast<std::uint8_t>(label) : ignored);
  }
}

truth::truth(flat_graph const& net, subject const& s, bool training) {
  ops::context<float> given = s.given;
  given.training = training;
  auto run = ops::interpret(net, s.image, s.parameters, given);
  output = run.values[static_cast<std::size_t>(net.output)].data;
  gradients = run.gradients, parameters = run.parameters;
}

bool same_bits(std::vector<float> const& a, std::vector<float> const& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

std::string fault(flat_graph const& net, plan const& steps, subject const& s, truth const& t, bool training) {
  ops::context<float> given = s.given;
  given.training = training;
  try {
    auto const run = run_plan(net, steps, s.image, s.parameters, given);
    if (!same_bits(run.output.data, t.output)) return "another output";
    if (!same_bits(run.parameters, t.parameters)) return "other running statistics";
    if (!same_bits(run.gradients, t.gradients)) return "other gradients";
  } catch (wrong_plan const& e) {
    return e.what();
  }
  return {};
}

bool overlap(buffer const& a, buffer const& b) {
  return a.born <= b.dies && b.born <= a.dies && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

std::string fault(placement const& p) {
  for (int i = 0; i < p.buffers.size(); ++i) {
    buffer const& b = p.buffers[i];
    if (b.offset < 0 || b.offset % buffer_alignment != 0 || b.offset + b.bytes > p.peak_bytes)
      return "the buffer of value " + std::to_string(b.value) + " lies outside the arena";
    for (int k = 0; k < i; ++k)
      if (overlap(b, p.buffers[k]))
        return "values " + std::to_string(b.value) + " and " + std::to_string(p.buffers[k].value) + " overlap";
  }
  int last = 0;
  for (buffer const& b : p.buffers) last = std::max(last, b.dies);
  for (int step = 0; step <= last; ++step) {
    spare_room const r = spare_during(p, step);
    for (buffer const& b : p.buffers)
      if (b.born <= step && step <= b.dies &&
          ((b.offset < r.offset + r.bytes && r.offset < b.offset + b.bytes) || b.offset + b.bytes > r.end))
        return "value " + std::to_string(b.value) + " lies in what is said to be spare in step " + std::to_string(step);
  }
  return {};
}

fusions choice(int bits) {
  return {(bits & 1) != 0, (bits & 2) != 0,  (bits & 4) != 0,
          (bits & 8) != 0, (bits & 16) != 0, (bits & 32) != 0 ? 64 : 0,
          (bits & 64) != 0 ? 100'000 : 0};  // two or three of the tests' layers
}

/// All that has a name and could be the output is supervised.
supervised_values named_outputs(flat_graph const& forward, loss_function const* minimised) {
  supervised_values all;
  for (int const v : forward.named)
    if (v != none && v != forward.output && forward.values[v].channels == forward.values[forward.output].channels &&
        enlargement_of(forward, v).fits)
      all.push({v, minimised});
  return all;
}

void check_laws(flat_graph const& forward, std::vector<int> const& choices) {
  subject const s{forward};
  // What is left out for inference, dropout and statistics, is what does nothing when nobody trains.
  CHECK(same_bits(truth{for_inference(forward), s, false}.output, truth{forward, s, false}.output));
  // Predicting, and learning by a loss of pixels and by one that needs sums over the tile first.
  for (loss_function const* const minimised :
       {static_cast<loss_function const*>(nullptr), &loss_of<cross_entropy>::self, &loss_of<dice_and_cross_entropy>::self}) {
    bool const training = minimised != nullptr;
    CAPTURE(training && minimised->regional());
    auto const net = std::make_unique<flat_graph>(
        training ? differentiate(forward, *minimised, named_outputs(forward, minimised)) : for_inference(forward));
    REQUIRE_FALSE(net->overflows());
    truth const t{*net, s, training};
    for (int const bits : choices) {
      CAPTURE(training);
      CAPTURE(bits);
      auto const low = lower(*net, choice(bits));
      CHECK(fault(low->placed) == "");
      CHECK(fault(*net, low->steps, s, t, training) == "");
      CHECK(low->placed.peak_bytes >= low->placed.bound_bytes);
    }
  }
}

}  // namespace oxbow::testing
