// What a network's weights are called, and a number that says whether two networks share them.
#pragma once
#include <cstdint>

#include <oxbow/graph/graph.hpp>

namespace oxbow {

/// Calls put(text, number, name) for each step of a parameter's path and then for its role; spelled
/// `level1.encode.conv1.weight`, or with a node's own name: `graph1.x01.conv2.bias`.
template <class Put> constexpr void spell(flat_graph const& net, parameter const& p, Put put) {
  for (auto const& step : net.layers[p.layer]) {
    if (step.what == word::node) put("", 0, net.names[step.number]);
    else put(spelling(step.what), static_cast<int>(step.number), name{});
  }
  put(spelling(p.is), 0, name{});
}

/// Equal exactly when two networks have tensors of the same names and shapes, whatever their tiles
/// and plans. FNV-1a. Kept in every file of weights.
constexpr std::uint64_t schema_of(flat_graph const& net) {
  std::uint64_t hash = 0xcbf29ce484222325;
  auto const mix = [&](std::uint64_t x) { hash = (hash ^ x) * 0x100000001b3; };
  auto const mix_int = [&](int x) {
    for (int byte = 0; byte < 4; ++byte) mix(static_cast<std::uint64_t>(x) >> 8 * byte & 255);
  };
  for (auto const& p : net.parameters) {
    spell(net, p, [&](char const* text, int number, name const& node) {
      for (; *text; ++text) mix(static_cast<unsigned char>(*text));
      for (int i = 0; i < node.size(); ++i) mix(static_cast<unsigned char>(node.text[i]));
      mix_int(number);
    });
    mix_int(p.rows), mix_int(p.columns), mix_int(p.window.depth), mix_int(p.window.height), mix_int(p.window.width);
  }
  return hash;
}

}  // namespace oxbow
