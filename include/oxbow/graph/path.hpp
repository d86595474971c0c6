// Where in a network a layer stands, in the words of its author.
#pragma once
#include <oxbow/core/list.hpp>
#include <oxbow/core/name.hpp>
#include <oxbow/graph/limits.hpp>

namespace oxbow {

/// What a step of a path is called. Layers are counted by kind, from 1, within their sequence.
enum class word : unsigned char {
  level,
  encode,
  inner,
  decode,
  join,
  body,
  project,
  node,
  source,  // places in combinators
  seq,
  residual,
  graph,
  conv,
  up_conv,
  upsample,
  max_pool,
  avg_pool,
  dropout,
  activation,  // layers
  batch_norm,
  instance_norm,
  group_norm,
  layer,
};

inline constexpr int number_of_words = 23;

constexpr char const* spelling(word w) {
  constexpr char const* words[number_of_words] = {
      "level",    "encode",  "inner",      "decode",     "join",          "body",       "project",  "node",
      "source",   "seq",     "residual",   "graph",      "conv",          "up_conv",    "upsample", "max_pool",
      "avg_pool", "dropout", "activation", "batch_norm", "instance_norm", "group_norm", "layer"};
  return words[static_cast<int>(w)];
}

/// One step of a path. `number` counts from 1; for nodes and sources it is the position in the
/// graph's table of names.
struct path_label {
  word what = word::layer;
  short number = 0;
  friend constexpr bool operator==(path_label const&, path_label const&) = default;
};

/// `level 3 / decode / conv 1`. Inside a deeper level, how one came there says nothing that the
/// level's number does not say, so a path starts afresh there and stays short.
using path = list<path_label, limits::path>;

}  // namespace oxbow
