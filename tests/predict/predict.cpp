// Predicting tile by tile gives what one huge tile would give.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include <oxbow/core/random.hpp>
#include <oxbow/core/threads.hpp>
#include <oxbow/predict/predict.hpp>

#include "plain_unet.hpp"

using namespace oxbow;

namespace {

template <class Facts> struct plain_net {
  using model_type = Facts;
  int calls = 0;

  void infer(image_view<float const> tile, image_view<float> logits) {
    ++calls;
    REQUIRE(tile.size == Facts::tile);
    image<float> x(tile.size, tile.channels);
    std::copy(tile.data, tile.data + tile.count(), x.data.begin());
    image<float> const y = plain_unet::level(x, Facts::depth, Facts::volume, Facts::padded_net);
    REQUIRE(y.size == logits.size);
    std::copy(y.data.begin(), y.data.end(), logits.data);
  }
};

/// The same beside the host, with two threads: what is taken at the start is what was computed with at the end.
template <class Facts> struct plain_net_beside : plain_net<Facts> {
  thread_pool pool{2};
  image<float> taken{Facts::tile, Facts::input_channels};
  bool running = false;
  int rows = 0;

  void start_infer(image_view<float const> tile) {
    REQUIRE_FALSE(running);
    REQUIRE(tile.size == Facts::tile);
    std::copy(tile.data, tile.data + tile.count(), taken.data.begin());
    running = true;
  }
  void finish_infer(image_view<float> logits) {
    REQUIRE(running);
    running = false;
    this->infer(std::as_const(taken).view(), logits);
  }
  template <class F> void for_each(std::int64_t count, F&& f) {
    rows += static_cast<int>(count);
    pool(count, f);
  }
};

image<float> noise(extent size, int channels, std::uint32_t number) {
  image<float> x(size, channels);
  random_stream const r{11, purpose::example_data, number, 0};
  for (std::size_t i = 0; i < x.data.size(); ++i) x.data[i] = r.uniform(i, -1, 1);
  return x;
}

int reflect(int at, int size) {
  while (size > 1 && (at < 0 || at >= size)) at = at < 0 ? -at : 2 * (size - 1) - at;
  return size > 1 ? at : 0;
}

/// The image inside so much of its mirror image that one run of the net covers it, whatever pads beyond.
template <class Facts> image<float> whole(image<float> const& input) {
  extent before{}, size{}, lost{};
  for (int axis = 0; axis < 3; ++axis) {
    bool const flat = Facts::tile[axis] == 1;
    int const unit = Facts::alignment;
    int const around = (plain_unet::radius(Facts::depth) / unit + 1) * unit;
    lost[axis] = flat ? 0 : Facts::padded_net ? around : Facts::halo[axis];
    before[axis] = lost[axis];
    size[axis] = input.size[axis];
    if (!flat)  // the next size on which the net is defined
      while (Facts::padded_net ? (size[axis] + 2 * lost[axis]) % unit != 0
                               : plain_unet::valid_output(size[axis] + 2 * lost[axis], Facts::depth) < size[axis])
        ++size[axis];
  }
  image<float> x({size.depth + 2 * lost.depth, size.height + 2 * lost.height, size.width + 2 * lost.width},
                 input.channels);
  for (int z = 0; z < x.size.depth; ++z)
    for (int y = 0; y < x.size.height; ++y)
      for (int u = 0; u < x.size.width; ++u)
        for (int c = 0; c < x.channels; ++c)
          x(z, y, u, c) =
              input(reflect(z - before.depth, input.size.depth), reflect(y - before.height, input.size.height),
                    reflect(u - before.width, input.size.width), c);
  image<float> result(input.size, Facts::classes);
  // Without volume layers each slice is a net's input of its own.
  image<float> const y = plain_unet::level(x, Facts::depth, Facts::volume, Facts::padded_net);
  extent const skip = Facts::padded_net ? lost : extent{0, 0, 0};
  for (int z = 0; z < input.size.depth; ++z)
    for (int v = 0; v < input.size.height; ++v)
      for (int u = 0; u < input.size.width; ++u)
        for (int c = 0; c < Facts::classes; ++c)
          result(z, v, u, c) = y(z + skip.depth, v + skip.height, u + skip.width, c);
  return result;
}

bool same_bits(image<float> const& a, image<float> const& b) {
  return a.size == b.size && a.channels == b.channels &&
         std::memcmp(a.data.data(), b.data.data(), a.data.size() * sizeof(float)) == 0;
}

using valid_1 = plain_unet::facts<1, false, 1, 22, 18>;
using valid_2 = plain_unet::facts<2, false, 1, 34, 42>;
using valid_3 = plain_unet::facts<3, false, 1, 70, 62>;
using valid_0 = plain_unet::facts<0, false, 1, 5, 9>;
using padded_1 = plain_unet::facts<1, true, 1, 16, 20>;
using padded_2 = plain_unet::facts<2, true, 1, 48, 40>;
using volume_1 = plain_unet::facts<1, false, 14, 18, 14>;
using padded_volume = plain_unet::facts<1, true, 16, 18, 14>;

static_assert(valid_2::output == extent{1, 14, 22} && valid_2::halo == extent{0, 10, 10});

template <class Call> std::string message_of(Call&& call) {
  try {
    call();
  } catch (std::invalid_argument const& e) {
    return e.what();
  }
  return {};
}

}  // namespace

TEST_CASE_TEMPLATE("tiled equals whole, bit for bit", Facts, valid_0, valid_1, valid_2, valid_3, padded_1, padded_2,
                   volume_1, padded_volume) {
  // Exact, not approximate: plain_unet sums every pixel in one order, and tiling only chooses which run it is in.
  random_stream const r{5, purpose::example_data, 9, 9};
  int many = 0;
  for (std::uint32_t k = 0; k < 6; ++k) {
    auto const pick = [&](std::uint64_t n, int bound) {
      return 1 + static_cast<int>(r.below(k * 8 + n, static_cast<std::uint32_t>(bound)));
    };
    extent const size = k == 0   ? extent{1, 1, 1}
                        : k == 1 ? extent{Facts::volume ? 2 : 1, 1, 37}
                                 : extent{pick(0, Facts::volume ? 5 : 3), pick(1, 36), pick(2, 36)};
    CAPTURE(size_text(size));
    image<float> const input = noise(size, Facts::input_channels, k);
    plain_net<Facts> net;
    CHECK(same_bits(predict(net, input, {.output = prediction::logits}), whole<Facts>(input)));
    many += net.calls > 1;
  }
  CHECK(many > 2);  // else the law was checked on single tiles only
}

TEST_CASE_TEMPLATE("a network that computes beside the host is given every tile once", Facts, valid_2, padded_1,
                   volume_1) {
  static_assert(asynchronous_inferring_net<plain_net_beside<Facts>> &&
                !asynchronous_inferring_net<plain_net<Facts>>);
  for (extent const size : {extent{1, 1, 1}, extent{2, 37, 41}}) {
    image<float> const input = noise(size, Facts::input_channels, 7);
    plain_net<Facts> net;
    plain_net_beside<Facts> beside;
    std::int64_t tiles = 0, all = 0;
    predict_options const options{.progress = [&](std::int64_t done, std::int64_t count) {
      CHECK(done == ++tiles);
      all = count;
    }};
    CHECK(same_bits(predict(beside, input, options), predict(net, input)));
    CHECK(beside.calls == net.calls);
    CHECK(tiles == all);
    CHECK(beside.calls == all);
    CHECK_FALSE(beside.running);
    CHECK(beside.rows >= all * Facts::tile.height);
    CHECK(predict_labels(beside, input).data == predict_labels(net, input).data);
  }
}

TEST_CASE("the law would notice tiles that leave the pooling grid or trust padded pixels") {
  image<float> const input = noise({1, 30, 41}, 2, 3);
  plain_net<padded_2> net;
  image<float> const law = whole<padded_2>(input);
  CHECK_FALSE(same_bits(predict(net, input, {.output = prediction::logits, .margin = 4}), law));
  CHECK(same_bits(predict(net, input, {.output = prediction::logits, .margin = 16}), law));
}

TEST_CASE("probabilities are the softmax of the logits, and labels their likeliest class") {
  image<float> const input = noise({1, 27, 31}, 2, 4);
  plain_net<valid_2> net;
  image<float> const logits = predict(net, input, {.output = prediction::logits});
  image<float> const p = predict(net, input);
  label_image const labels = predict_labels(net, input);
  REQUIRE(p.channels == 3);
  for (int y = 0; y < 27; ++y)
    for (int x = 0; x < 31; ++x) {
      double sum = 0;
      for (int c = 0; c < 3; ++c) sum += std::exp(static_cast<double>(logits(y, x, c)));
      for (int c = 0; c < 3; ++c) {
        // exp and the division are good to a few 2^-53; the result is rounded to float once: 2^-24 relative.
        double const expected = std::exp(static_cast<double>(logits(y, x, c))) / sum;
        CHECK(std::abs(p(y, x, c) - expected) <= 0x1p-24 * expected + 1e-14);
        CHECK(logits(y, x, c) <= logits(y, x, labels(y, x)));
      }
    }
}

TEST_CASE("softmax stands logits of any size") {
  float const logits[3] = {3e38f, -3e38f, 3e38f};
  float p[3] = {-1, -1, -1};
  detail::softmax(logits, 3, p);
  CHECK(p[0] == 0.5f);
  CHECK(p[1] == 0.f);
  CHECK(p[2] == 0.5f);
}

TEST_CASE("an image is normalised as it would be beforehand") {
  image<float> input = noise({1, 19, 25}, 2, 6);
  for (std::size_t i = 0; i < input.data.size(); ++i) input.data[i] = input.data[i] * 40 + (i % 2 ? 100.f : 7.f);
  image<float> ready = input;
  for (int c = 0; c < 2; ++c) {
    double mean = 0, squares = 0;
    for (int i = 0; i < 19 * 25; ++i) mean += input.data[static_cast<std::size_t>(2 * i + c)] / (19. * 25);
    for (int i = 0; i < 19 * 25; ++i) {
      double const d = input.data[static_cast<std::size_t>(2 * i + c)] - mean;
      squares += d * d / (19. * 25);
    }
    for (int i = 0; i < 19 * 25; ++i) {
      auto& v = ready.data[static_cast<std::size_t>(2 * i + c)];
      v = static_cast<float>((v - mean) / std::sqrt(squares));
    }
  }
  plain_net<valid_1> net;
  image<float> const a = predict(net, input, {.output = prediction::logits, .normalise = per_image});
  image<float> const b = predict(net, ready, {.output = prediction::logits});
  // Inputs of magnitude ≤ 2.5 differ by rounding: mean (≤ 100, in units of deviation 23: 4.4) and scale are floats, so
  // by at most 4.4·2^-24 + 2.5·3·2^-24 < 1e-6. The net is 4 layers of ≤ 27 taps with weights below .5 and one of 18
  // taps: a difference grows by at most (18·.5)(27·.5)(3·.5)(27·.5) ≈ 2500.
  for (std::size_t i = 0; i < a.data.size(); ++i) CHECK(std::abs(a.data[i] - b.data[i]) < 2.5e-3);
  image<float> const c = predict(net, input, {.output = prediction::logits, .normalise = given_moments(50, 25)});
  for (auto& v : input.data) v = (v - 50.f) * (1 / 25.f);
  CHECK(same_bits(c, predict(net, input, {.output = prediction::logits})));
}

TEST_CASE("per-image normalisation of a constant channel gives zero, not infinity") {
  image<float> const flat({1, 3, 3}, 1, 1e6f + 0.1f);
  CHECK(maps_of(per_image, flat.view())[0](flat(1, 1)) == 0.f);
}

TEST_CASE("images that cannot be predicted are refused in a sentence") {
  plain_net<valid_1> net;
  CHECK(message_of([&] {
          predict(net, noise({1, 8, 8}, 3, 1));
        }).find("3 channels, the model takes 2") != std::string::npos);
  CHECK(message_of([&] { predict(net, image<float>{}); }).find("no pixels") != std::string::npos);
  image<float> holes = noise({1, 8, 8}, 2, 1);
  holes(5, 6, 1) = std::numeric_limits<float>::quiet_NaN();
  CHECK(message_of([&] { predict_labels(net, holes); }).find("(z 0, y 5, x 6) is nan") != std::string::npos);
  CHECK(net.calls == 0);
}

TEST_CASE("progress counts every tile") {
  plain_net<valid_2> net;
  std::int64_t last = 0, total = 0;
  predict_labels(net, noise({2, 20, 30}, 2, 1), {.progress = [&](std::int64_t done, std::int64_t all) {
                   CHECK(done == last + 1);
                   last = done;
                   total = all;
                 }});
  CHECK(last == total);
  CHECK(last == net.calls);
  CHECK(total == 2 * 2 * 2);  // steps of 12 and 20: 1 + ceil((20 − 14) / 12) and 1 + ceil((30 − 22) / 20)
}

TEST_CASE("moments that cannot be, and a margin larger than any tile, are errors") {
  plain_net<valid_2> net;
  for (float const deviation : {0.f, -1.f, std::numeric_limits<float>::quiet_NaN(), 1e-42f})
    CHECK_THROWS_AS(predict(net, noise({1, 20, 30}, 2, 1), {.normalise = given_moments(1, deviation)}),
                    std::invalid_argument);
  CHECK_THROWS_AS(predict(net, noise({1, 20, 30}, 2, 1), {.margin = 1'500'000'000}), std::invalid_argument);
  CHECK(net.calls == 0);
}
