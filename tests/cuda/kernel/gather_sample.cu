// Augmentation on the device gathers what the host gathers, with the functor itself.
#include <oxbow/augment/elastic.hpp>
#include <oxbow/augment/gather.hpp>
#include <oxbow/augment/grey.hpp>
#include <oxbow/augment/rigid.hpp>
#include <oxbow/cuda/kernel/for_each_index.cuh>

#include "device_array.cuh"
using namespace oxbow;
using namespace oxbow::testing;

TEST_CASE("a tile gathered on the device is the host's") {
  extent const whole{1, 41, 37}, tile{1, 24, 28}, output{1, 16, 20};
  sample from{image<float>(whole, 2), label_image(whole), image<float>(whole)};
  from.input.data = numbers(from.input.data.size(), 1, -1, 1);
  from.weights.data = numbers(from.weights.data.size(), 2, .5f, 2);
  for (std::size_t i = 0; i < from.labels.data.size(); ++i) from.labels.data[i] = static_cast<std::uint8_t>(i * 7 % 3);
  auto const maps = elastic{.grid = 3, .sigma = 4} | rotate{} | shift{} | grey{};
  for (sampling const how : {sampling::linear, sampling::cubic}) {
    auto const drawn = draw(maps, random_key{5, 2, 1}, tile);
    extent const corner{0, 5, -3};
    sample wanted{image<float>(tile, 2), label_image(output), image<float>(output)};
    gather(from, drawn, corner, wanted, serial_for{}, how);

    device_array<float> const input{from.input.data}, weights{from.weights.data};
    device_array<std::uint8_t> const labels{from.labels.data};
    device_array<float> const to_input{wanted.input.data.size()}, to_weights{wanted.weights.data.size()};
    device_array<std::uint8_t> const to_labels{wanted.labels.data.size()};
    gather_pixel<std::remove_const_t<decltype(drawn)>> const pixel{
        {{{input.data(), whole, 2}, {labels.data(), whole, 1}, {weights.data(), whole, 1}},
         {{to_input.data(), tile, 2}, {to_labels.data(), output, 1}, {to_weights.data(), output, 1}},
         drawn,
         corner,
         {0, 4, 4},
         how}};
    on_cuda::for_each_index(pixel, tile.volume(), nullptr);

    // A coordinate is the end of some 70 operations on numbers below 64, so it is off by up to 70 · 64 · 2^−24 = 3e-4
    // where one side contracts a·b + c; a value moves by at most 2 (neighbours differ by up to 2; cubic: 3) times as
    // much along each axis, and is itself the end of 16 products.
    double const bound = 2 * 3 * 70 * 64 * 0x1p-24;
    double worst = 0;
    auto const got = to_input.host(), got_weights = to_weights.host();
    for (std::size_t i = 0; i < got.size(); ++i)
      worst = std::max(worst, std::abs(double{got[i]} - wanted.input.data[i]));
    CHECK(worst <= bound);
    worst = 0;
    for (std::size_t i = 0; i < got_weights.size(); ++i)
      worst = std::max(worst, std::abs(double{got_weights[i]} - wanted.weights.data[i]));
    CHECK(worst <= bound);
    // A label changes only where a coordinate lies that near to the middle between two pixels: about one in 1600.
    auto const got_labels = to_labels.host();
    int differ = 0;
    for (std::size_t i = 0; i < got_labels.size(); ++i) differ += got_labels[i] != wanted.labels.data[i];
    CHECK(differ <= 2);
  }
}
