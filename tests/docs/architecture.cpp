// The figures of docs/architecture.md: how much memory unet_2015 needs, and why it cannot be much less.
#include <doctest/doctest.h>

#include <algorithm>

#include <oxbow/lower/describe_model.hpp>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>
using namespace oxbow;

namespace {

using em = model<unet_2015, tile<572, 572>>;

// [sizes]
/// Bytes of a feature map of size × size pixels in single precision.
constexpr std::int64_t map(std::int64_t size, std::int64_t channels) { return 4 * size * size * channels; }
// [/sizes]

// [inference_bound]
// Level 1, decode, convolution 1: both halves of its input, and its output.
constexpr std::int64_t at_the_last_join = map(392, 64) + map(392, 64) + map(390, 64);
static_assert(at_the_last_join == 117'613'568);
static_assert(em::inference::peak_bytes == at_the_last_join);
// [/inference_bound]

// [wider_bound]
// Level 2, encode, convolution 2: its input, the pooled and the cropped part of its output, and the skip of level 1.
constexpr std::int64_t at_the_second_scale = map(282, 128) + map(140, 128) + map(200, 128) + map(392, 64);
static_assert(at_the_second_scale == 110'569'472);
// [/wider_bound]

// [training_bound]
// What the forward pass of the paper's network leaves for the gradients: the image, then per scale what each ReLU
// made, of the second one only the skip and what was pooled, the places of the maxima (2 bits each), and what each
// up-convolution made.
constexpr std::int64_t kept_by_the_forward_pass = [] {
  std::int64_t sum = map(572, 1);
  std::int64_t size = 572, channels = 64;
  for (std::int64_t const skip : {392, 200, 104, 56}) {
    sum += map(size - 2, channels) + map(skip, channels);
    size = (size - 4) / 2;
    sum += map(size, channels) + map(size, channels) / 16;
    channels *= 2;
  }
  sum += map(size - 2, channels) + 2 * map(size - 4, channels);  // two ReLUs, and what dropout leaves of the second
  size = size - 4;
  for (int scale = 4; scale >= 1; --scale) {
    channels /= 2, size *= 2;
    sum += map(size, channels) + map(size - 2, channels) + map(size - 4, channels);
    size = size - 4;
  }
  return sum;
}();
// Then the gradient passes the 1×1 convolution and the ReLU before it: from that of the logits to one of 64 channels,
// beside the loss of each pixel.
constexpr std::int64_t at_the_first_gradient = kept_by_the_forward_pass + map(388, 2) + map(388, 64) + map(388, 1);
static_assert(at_the_first_gradient == 548'190'208);
static_assert(em::training::bound_bytes == at_the_first_gradient);
static_assert(em::training::peak_bytes == 548'988'928);
// [/training_bound]

// [frugal]
using frugal = model<unet_2015, tile<572, 572>, training_memory<500'000'000>>;
static_assert(frugal::training::peak_bytes <= 500'000'000);
// [/frugal]

/// What is alive at a step, counted from 1.
template <class Program> std::int64_t alive_at(int step) {
  std::int64_t sum = 0;
  for (buffer const& b : Program::placed.buffers) sum += b.born < step && b.dies >= step - 1 ? b.bytes : 0;
  return sum;
}
template <class Program> int worst_step() {
  int worst = 1;
  for (int s = 1; s <= Program::steps.steps.size(); ++s)
    if (alive_at<Program>(s) > alive_at<Program>(worst)) worst = s;
  return worst;
}

}  // namespace

TEST_CASE("the worst steps are those that the page argues about") {
  CHECK(worst_step<em::inference>() == 20);
  CHECK(alive_at<em::inference>(20) == at_the_last_join);
  CHECK(alive_at<em::inference>(3) == at_the_second_scale);
  CHECK(worst_step<em::training>() == 24);
  CHECK(em::inference::steps.steps.size() == 21);
  CHECK(em::training::steps.steps.size() == 67);
}

TEST_CASE("the outputs of all convolutions together are what the page says") {
  CHECK(sum_of_activations(em::forward).of_convolutions == 537'413'760);
  CHECK(sum_of_activations(em::forward).all == 1'270'290'624);
}

TEST_CASE("half a gigabyte costs the products that the page says") {
  auto const extra = frugal::training::steps.multiply_adds() - em::training::steps.multiply_adds();
  CHECK(frugal::training::peak_bytes == 465'814'528);
  CHECK(extra == 187'142'400);
}
