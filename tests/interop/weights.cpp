// A file of weights that PyTorch wrote is a file of weights.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include <oxbow/host/network.hpp>
#include <oxbow/io/weights.hpp>
#include <oxbow/net/named.hpp>

#include "recorded.hpp"
using namespace oxbow;
using namespace oxbow::testing;

static std::filesystem::path const weights_file =
    std::filesystem::path{__FILE__}.parent_path() / "data" / "unet_valid_weights.safetensors";

TEST_CASE("a state_dict that safetensors.torch wrote loads into the same network") {
  network<model<unet<2, 4>, tile<52, 60>>, host> net{host{2}, seed{}};
  for (float& x : net.parameters()) x = NAN;
  load_weights(net, weights_file);
  recorded const file{"unet_valid"};
  for (auto const& t : net.tensors())
    CHECK(disagreement(t.name, std::span<float const>{t.data}, file.at(t.name), 0) == "");
}

TEST_CASE("it does not load into a network of another shape") {
  network<model<unet<2, 4, 3>, tile<52, 60>>, host> net{host{2}, seed{}};
  CHECK_THROWS_WITH_AS(load_weights(net, weights_file),
                       doctest::Contains("\"conv1.weight\" has the shape [2, 4, 1, 1] where the network expects "
                                         "[3, 4, 1, 1]"),
                       file_error);
}
