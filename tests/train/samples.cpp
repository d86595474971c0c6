// Data sets: what is refused, which tiles are chosen, and what is in them.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <oxbow/train/loss.hpp>
#include <oxbow/train/samples.hpp>
#include <oxbow/train/tile_choice.hpp>

#include "fake_net.hpp"

using namespace oxbow;

namespace {

template <class Call> std::string message_of(Call&& call) {
  try {
    call();
  } catch (std::invalid_argument const& e) {
    return e.what();
  }
  return {};
}

bool says(std::string const& text, std::string const& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

/// A pixel's value tells where it lies.
image<float> numbered(extent size, int channels = 1) {
  image<float> x(size, channels);
  for (std::size_t i = 0; i < x.data.size(); ++i) x.data[i] = static_cast<float>(i);
  return x;
}

int reflect(int at, int size) {
  while (size > 1 && (at < 0 || at >= size)) at = at < 0 ? -at : 2 * (size - 1) - at;
  return size > 1 ? at : 0;
}

}  // namespace

TEST_CASE("data that do not fit together are refused, naming the sample") {
  std::vector<image<float>> const images{image<float>({1, 4, 5}), image<float>({1, 3, 3})};
  std::vector<label_image> const labels{label_image({1, 4, 5}), label_image({1, 3, 3})};
  CHECK_NOTHROW(samples(images, labels));
  CHECK(says(message_of([&] { samples(images, {labels[0]}); }), "2 images, 1 label images"));
  CHECK(says(message_of([&] { samples(images, {labels[0], labels[0]}); }), "sample 1: the image is 3 x 3"));
  CHECK(says(message_of([&] {
               samples(images, labels, {image<float>({1, 4, 5}), image<float>({1, 3, 2})});
             }),
             "sample 1: the image is 3 x 3, its weights are 3 x 2"));
  CHECK(says(message_of([&] { samples(std::vector<sample>{}); }), "there are none"));
  CHECK(says(message_of([&] { samples({images[0], image<float>()}, {labels[0], label_image()}); }), "sample 1"));
  CHECK(says(message_of([&] { samples({images[0], image<float>({1, 3, 3}, 2)}, labels); }), "has 2 channels"));

  auto wrong = images;
  wrong[1](2, 1) = std::numeric_limits<float>::infinity();
  CHECK(says(message_of([&] { samples(wrong, labels); }), "sample 1: the pixel at (z 0, y 2, x 1) is inf"));
  image<float> weights({1, 3, 3}, 1, 1.f);
  weights(0, 2) = -1;
  CHECK(says(message_of([&] { samples(images, labels, {image<float>(), weights}); }), "weight at (z 0, y 0, x 2)"));

  auto classes = labels;
  classes[1](1, 2) = 3;
  classes[0](0, 0) = ignored;
  samples const data(images, classes);
  CHECK_NOTHROW(data.require_fit(1, 4));
  CHECK(says(message_of([&] { data.require_fit(1, 3); }), "sample 1 at (z 0, y 1, x 2) is 3"));
  CHECK(says(message_of([&] { data.require_fit(2, 4); }), "sample 0 has 1 channels, the model takes 2"));
  CHECK(says(message_of([] { require_class_weights(std::vector<float>{1, 2}, 3); }), "2 class weights"));
  CHECK(says(message_of([] { require_class_weights(std::vector<float>{1, -2, 1}, 3); }), "class 1 is -2"));
}

TEST_CASE("weights can be made from the labels, and values normalised image by image") {
  label_image labels({1, 2, 3});
  labels(1, 2) = 1;
  auto const doubled = [](label_image const& l) {
    image<float> w(l.size, 1, 1.f);
    for (std::size_t i = 0; i < w.data.size(); ++i) w.data[i] += l.data[i];
    return w;
  };
  samples const data(numbered({1, 2, 3}), labels, doubled, per_image);
  CHECK(data[0].weights(1, 2) == 2.f);
  CHECK(data[0].weights(0, 0) == 1.f);
  // 0 … 5: mean 2.5, mean square deviation 35/12
  CHECK(data[0].input(0, 0) == doctest::Approx(-2.5 / std::sqrt(35. / 12)));
  CHECK(data[0].input(1, 2) == doctest::Approx(2.5 / std::sqrt(35. / 12)));
}

TEST_CASE("tiles are chosen evenly over all pixels of all samples, borders and corners included") {
  samples const data({numbered({1, 3, 4}), numbered({2, 2, 2})}, {label_image({1, 3, 4}), label_image({2, 2, 2})});
  REQUIRE(data.pixels() == 20);
  extent const output{1, 6, 5};
  std::vector<int> times(20, 0);
  int const draws = 40'000;
  for (int i = 0; i < draws; ++i) {
    random_key const key{17, static_cast<std::uint32_t>(i / 4), static_cast<std::uint32_t>(i % 4)};
    chosen_tile const t = choose_tile(data, key, output);
    extent const size = data[t.sample].input.size;
    int const z = t.corner.depth, y = t.corner.height + 3, x = t.corner.width + 2;
    REQUIRE(size.contains(z, y, x));
    ++times[static_cast<std::size_t>((t.sample == 0 ? 0 : 12) + size.index(z, y, x))];
    chosen_tile const again = choose_tile(data, key, output);
    REQUIRE((again.sample == t.sample && again.corner == t.corner));
  }
  // Each count is binomial with mean 2000 and deviation √(40000 · .05 · .95) = 44; five of them.
  for (int n : times) CHECK(std::abs(n - draws / 20) < 5 * 44);
  // Steps and places in the batch are independent: 1 in 20 neighbours agree, deviation √(.0475 / 39999) = .0011.
  int same = 0;
  chosen_tile before = choose_tile(data, {17, 0, 0}, output);
  for (std::uint32_t i = 1; i < 40'000; ++i) {
    chosen_tile const t = choose_tile(data, {17, i / 4, i % 4}, output);
    same += t.sample == before.sample && t.corner == before.corner;
    before = t;
  }
  CHECK(std::abs(same / 39'999. - 0.05) < 5 * 0.0011);
}

TEST_CASE("a tile holds the mirrored surroundings, its labels the same pixels in its middle") {
  for (extent size : {extent{1, 1, 1}, extent{1, 3, 40}, extent{3, 7, 5}}) {
    CAPTURE(size_text(size));
    sample whole{numbered(size, 2), label_image(size), {}};
    for (std::size_t i = 0; i < whole.labels.data.size(); ++i)
      whole.labels.data[i] = static_cast<std::uint8_t>(i % 251);
    bool const volume = size.depth > 1;
    extent const in{volume ? 6 : 1, 9, 12}, out{volume ? 2 : 1, 5, 8};
    extent const halo{volume ? 2 : 0, 2, 2}, corner{volume ? -3 : 0, -4, 3};
    for (bool weighted : {false, true}) {
      if (weighted) whole.weights = numbered(size);
      sample tile{image<float>(in, 2, -9.f), label_image(out, 1, 254), image<float>(out, 1, -9.f)};
      cut_tile(whole, corner, tile, fake::shuffled_for{3});
      for (int z = 0; z < in.depth; ++z)
        for (int y = 0; y < in.height; ++y)
          for (int x = 0; x < in.width; ++x) {
            std::int64_t const at =
                size.index(reflect(corner.depth + z, size.depth), reflect(corner.height + y, size.height),
                           reflect(corner.width + x, size.width));
            for (int c = 0; c < 2; ++c) REQUIRE(tile.input(z, y, x, c) == static_cast<float>(2 * at + c));
            int const oz = z - halo.depth, oy = y - halo.height, ox = x - halo.width;
            if (!out.contains(oz, oy, ox)) continue;
            REQUIRE(tile.labels(oz, oy, ox, 0) == at % 251);
            REQUIRE(tile.weights(oz, oy, ox, 0) == (weighted ? static_cast<float>(at) : 1.f));
          }
    }
  }
}

TEST_CASE("class weights multiply the weights of their pixels and leave ignored ones") {
  sample tile{{}, label_image({1, 1, 4}), image<float>({1, 1, 4}, 1, 2.f)};
  tile.labels.data = {1, 0, ignored, 1};
  fold_class_weights(std::vector<float>{0.5f, 3.f}, tile);
  CHECK(tile.weights.data == std::vector<float>{6.f, 1.f, 2.f, 6.f});
  fold_class_weights({}, tile);
  CHECK(tile.weights.data[0] == 6.f);
}

TEST_CASE("an image whose values do not fill its size is named") {
  label_image hollow;
  hollow.size = {1, 4, 5};
  CHECK_THROWS_WITH_AS((samples{image<float>({1, 4, 5}), hollow}),
                       "samples: sample 0: the labels: 0 values for 4 x 5 with 1 channels; make an image with its size, "
                       "and then fill it.",
                       std::invalid_argument);
}
