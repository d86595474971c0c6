// What PyTorch computed, read from a file, and how it is compared with.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/random_key.hpp>
#include <oxbow/graph/graph.hpp>

namespace oxbow::testing {

/// A tensor of a fixture. Every type that fixtures have fits into double.
struct recorded_tensor {
  std::vector<std::int64_t> shape;
  std::vector<double> data;
};

/// One file of data/. README.md says what its tensors are.
struct recorded {
  std::string name;
  std::map<std::string, recorded_tensor> tensors;

  explicit recorded(std::string const& name);
  /// The tensor; a failure of the test where there is none.
  recorded_tensor const& at(std::string const& tensor) const;
  image<float> image_of(std::string const& tensor) const;  ///< channels last
  label_image labels() const;
};

/// The masks of dropout in every fixture: KEY of make_fixtures.py.
inline constexpr random_key recorded_key{5, 2, 1};

/// Each element may be off by `tolerance` times `scale`. Empty where all agree, and else a sentence on the worst:
/// which tensor, which element, what was expected and what came.
/// scale  0: the largest magnitude of what is expected
std::string disagreement(std::string const& name, std::span<double const> got, recorded_tensor const& wanted,
                         double tolerance, double scale = 0);
std::string disagreement(std::string const& name, std::span<float const> got, recorded_tensor const& wanted,
                         double tolerance, double scale = 0);

/// What to measure the gradient of a tensor by: its largest element; but a gradient that is zero by construction, as
/// that of a bias in front of a norm, consists of rounding errors, and is measured by the largest of all gradients.
double gradient_scale(recorded const& file, std::string const& tensor);

/// The elements of one parameter tensor, after a check of its shape: (rows, columns, window…), or (rows) alone.
std::vector<double> const& parameter_of(recorded const& file, std::string const& name,
                                        std::vector<std::int64_t> const& shape);

/// The file has as many parameters as the network: with parameter_of for each, their names are the same.
void check_no_other_parameters(recorded const& file, std::size_t count);

/// Checks prediction and a training step of the oracle, in double precision, against the file.
void check_oracle(recorded const& file, flat_graph const& forward, flat_graph const& predicting,
                  flat_graph const& differentiated);

}  // namespace oxbow::testing
