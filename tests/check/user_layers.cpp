// Layers and activations that live in a user's own namespace.
#include <doctest/doctest.h>

#include <oxbow/lower/model.hpp>
#include <oxbow/lower/names.hpp>
#include <oxbow/net/named.hpp>

namespace lab {

/// x · tanh(softplus(x)), here only as something with a derivative of the input.
struct square {
  static constexpr float value(float x) { return x * x; }
  static constexpr float derivative(oxbow::at_input a) { return 2 * a.x; }
};

/// A block made of layers.
template <int F> struct dense {};
template <int F> constexpr void trace(dense<F>, oxbow::tracer& t) {
  trace_layer(oxbow::seq<oxbow::conv<F, 3, oxbow::pad::zero>, square, oxbow::conv<F, 1>>{}, t);
}

/// A block made of the tracer's verbs: the input beside a convolution of it.
template <int F> struct keep_and_add {};
template <int F> constexpr void trace(keep_and_add<F>, oxbow::tracer& t) {
  int const x = t.at;
  t.convolve(F, 3, oxbow::pad::zero);
  t.join(x, oxbow::join::concat);
}

/// A combinator with a part of its own.
template <class Body> struct twice {};
template <class Body> constexpr void trace(twice<Body>, oxbow::tracer& t) {
  trace_part(Body{}, t, {oxbow::word::body, 1});
  trace_part(Body{}, t, {oxbow::word::body, 2});
}

/// A network with a name, by inheritance.
struct my_net : oxbow::seq<dense<4>, keep_and_add<3>, twice<dense<2>>, oxbow::conv<2, 1>> {};

}  // namespace lab

using namespace oxbow;
using mine = model<lab::my_net, tile<6, 7>>;
static_assert(activation<lab::square> && !function_of<lab::square>::of_output);
static_assert(mine::output == extent{1, 6, 7} && mine::classes == 2);
static_assert(mine::parameter_count == (9 + 1) * 4 + (4 + 1) * 4 +          // dense<4> of 1 channel
                                           (9 * 4 + 1) * 3 +                // keep_and_add<3> of 4: 7 channels
                                           (9 * 7 + 1) * 2 + (2 + 1) * 2 +  // dense<2>, twice
                                           (9 * 2 + 1) * 2 + (2 + 1) * 2 + (2 + 1) * 2);
static_assert(mine::inference::peak_bytes > 0 && mine::training::peak_bytes > mine::inference::peak_bytes);
static_assert(mine::receptive_radius == extent{0, 4, 4});

TEST_CASE("a user's layers have places and names") {
  flat_graph const& net = mine::forward;
  CHECK(parameter_name(net, net.parameters[0]) == "layer1.conv1.weight");
  CHECK(parameter_name(net, net.parameters[4]) == "layer2.weight");
  CHECK(parameter_name(net, net.parameters[6]) == "layer3.body1.layer1.conv1.weight");
  CHECK(parameter_name(net, net.parameters[10]) == "layer3.body2.layer1.conv1.weight");
  CHECK(parameter_name(net, net.parameters[14]) == "conv1.weight");
  int squares = 0;
  for (int i = 0; i < net.forward_ops; ++i)
    squares += net.ops[i].kind == op_kind::activate && net.ops[i].f == &function_of<lab::square>::self;
  CHECK(squares == 3);
}
