// Between channels-last images and blocks of 16 channels: every element has its one place, whatever the number of
// channels.
#include <doctest/doctest.h>

#include <set>
#include <utility>
#include <vector>

#include <oxbow/core/rearrange.hpp>
using namespace oxbow;

TEST_CASE("block, pixel, lane, and back") {
  for (int channels : {1, 2, 15, 16, 17, 32, 33}) {
    INFO(channels, " channels");
    image<float> x({2, 3, 5}, channels);
    for (std::size_t i = 0; i < x.data.size(); ++i) x.data[i] = static_cast<float>(i + 1);
    auto const floats = static_cast<std::size_t>(layout::bytes(x.size, channels, 32) / 4);
    std::vector<float> laid(floats, -1);
    to_layout(std::as_const(x).view(), laid.data());
    std::set<std::int64_t> taken;
    for (int p = 0; p < 30; ++p)
      for (int c = 0; c < channels; ++c) {
        std::int64_t const at = (c / 16 * 30 + p) * layout::lanes(channels) + c % 16;
        REQUIRE(at < static_cast<std::int64_t>(floats));
        CHECK(laid[static_cast<std::size_t>(at)] == x.data[static_cast<std::size_t>(p * channels + c)]);
        taken.insert(at);
      }
    for (std::size_t i = 0; i < floats; ++i)
      if (!taken.contains(static_cast<std::int64_t>(i))) CHECK(laid[i] == -1);  // lanes of no channel are left alone
    image<float> back(x.size, channels, -2);
    from_layout(laid.data(), back.view());
    CHECK(back.data == x.data);
  }
}
