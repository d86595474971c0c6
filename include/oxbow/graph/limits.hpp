// How large a network the compile-time compiler takes.
#pragma once

namespace oxbow {

/// The only place that knows. Raising a number costs compile time and nothing else; a network
/// that does not fit is one compile error.
struct limits {
  static constexpr int ops = 512;                   ///< forward and backward; lower/program.hpp asks whether they fit
  static constexpr int forward_ops = ops / 3;       ///< differentiation makes about two more of each
  static constexpr int values = ops + ops / 8 + 8;  ///< poolings and the loss make two
  static constexpr int parameters = ops / 4;        ///< tensors
  static constexpr int layers = ops / 4;            ///< places that have a path
  static constexpr int nodes = 64;                  ///< names in a graph
  static constexpr int losses = 8;                  ///< the output's, and those of supervised nodes
  static constexpr int path = 8;                    ///< labels in a path; entering a level starts afresh
};

}  // namespace oxbow
