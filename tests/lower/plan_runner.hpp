// Runs a plan as a back end would, in one arena, and knows of every byte which element of which value lies there.
#pragma once
#include <stdexcept>
#include <vector>

#include <oxbow/lower/plan.hpp>
#include <oxbow/ops/interpret.hpp>

namespace oxbow::testing {

using tensor = ops::tensor<float>;

/// A plan that reads what it does not want, or writes where it may not.
struct wrong_plan : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What a run leaves behind.
struct plan_result {
  tensor output;
  std::vector<float> gradients, parameters;
};

/// Runs every step. Each read must find the element that the graph says is wanted; what the graph says is worked out
/// from its views alone, independently of fusion, placement and plan. Without arithmetic nothing is computed, and
/// where everything lies is checked all the same.
///
/// errors  wrong_plan, at the first step that is wrong
plan_result run_plan(flat_graph const& net, plan const& steps, tensor const& image,
                     std::vector<float> const& parameters, ops::context<float> const& given, bool arithmetic = true);

}  // namespace oxbow::testing
