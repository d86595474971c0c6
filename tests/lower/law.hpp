// The law of fusion, for one network: the plan, run in its arena, gives what the graph gives op by op.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "lowering.hpp"
#include "plan_runner.hpp"

namespace oxbow::testing {

/// What a network is run on: all random, with ignored pixels among the labels and positive running variances.
struct subject {
  tensor image;
  std::vector<float> parameters;
  ops::context<float> given;

  explicit subject(flat_graph const& forward, std::uint64_t seed = 1);
};

/// What the graph itself computes, unfused.
struct truth {
  std::vector<float> output, gradients, parameters;

  truth(flat_graph const& net, subject const& s, bool training);
};

bool same_bits(std::vector<float> const& a, std::vector<float> const& b);

/// Says what is wrong with a plan, or nothing.
std::string fault(flat_graph const& net, plan const& steps, subject const& s, truth const& t, bool training);

bool overlap(buffer const& a, buffer const& b);
/// Says which two live buffers overlap or which one lies outside, or nothing.
std::string fault(placement const& p);

/// The choice of fusions with this number, 0 … 127; 31 is everything for the host, 47 what a back end with matrix units
/// asks for, and 111 what it asks for in training.
fusions choice(int bits);

/// Holds a network, inference and training, to its laws, for each of these choices of fusions.
void check_laws(flat_graph const& forward, std::vector<int> const& choices);

template <class Net>
void check_laws(extent wish, int first_axis, int channels, std::vector<int> const& choices = {31, 111}) {
  check_laws(*forward_graph<Net>(wish, first_axis, channels), choices);
}

}  // namespace oxbow::testing
