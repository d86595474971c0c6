// A network of one's own: an activation, a block, residual levels, wires with names, and a head on the way that learns,
// too; all outside the library.
#include <cmath>
#include <cstdio>

#include <oxbow/oxbow.hpp>

#include "support/cells.hpp"

namespace lab {
using namespace oxbow;

/// (x + √(x² + 1)) / 2, a smooth ReLU without exponentials. Any struct with a value and a derivative is a layer, and
/// is fused into the convolution before it; this derivative wants the input, so the plan keeps that.
/// source  Barron: Squareplus. 2021, with b = 1
struct squareplus {
  static float value(float x) { return 0.5f * (x + std::sqrt(x * x + 1)); }
  static float derivative(at_input a) { return 0.5f * (1 + a.x / std::sqrt(a.x * a.x + 1)); }
};

/// The sum of two convolutions of one image: one that looks near, and one that looks three times as far.
template <int F> struct near_and_far {};

/// What the block means, in the verbs of the tracer: sizes, checks, gradients and fusion follow from them.
template <int F> constexpr void trace(near_and_far<F>, tracer& t) {
  int const x = t.at;
  t.convolve(F, 3, pad::zero);
  int const near = t.at;
  t.at = x;
  t.convolve(F, 3, pad::zero, 1, 3);
  t.add(near);
  trace_layer(squareplus{}, t);
}

template <int F> using refine = residual<seq<near_and_far<F>, conv<F, 3, pad::zero>>, conv<F, 1>>;

/// A level whose skip is added and not concatenated: decoder and encoder have equally many channels.
template <int F, class Inner> using added =
    level<refine<F>, seq<max_pool<2>, Inner, up_conv<F>>, seq<squareplus, refine<F>>, join::add>;

/// Two columns that look at the image at different scales and meet at the end. The coarse one has a mask of its own,
/// so that it learns from the first step on, and not only through the other.
using variant = graph<
    node<"stem", seq<conv<8, 3, pad::zero>, squareplus>, "input">,
    node<"fine", refine<8>, "stem">,
    node<"coarse", seq<max_pool<2>, added<16, refine<32>>, branch<"glance", conv<2, 1>>, up_conv<8>>, "stem">,
    node<"mask", conv<2, 1>, "fine", "coarse">>;

using em = model<variant, tile<96, 96>, classes<2>, supervise<"glance", 0.3f>, training_memory<16'000'000>>;
static_assert(em::output == em::tile && em::alignment == 4);
static_assert(!em::is_legal(98) && em::next_tile(98) == 100);

}  // namespace lab

int main() {
  using namespace oxbow;
  std::printf("%s\nThe plan of inference:\n\n%s\n", describe<lab::em>().c_str(),
              describe_plan<lab::em::inference>().c_str());
  auto const drawn = support::draw_cells({.size = {1, 256, 256}});
  network<lab::em, host> net{host{}, seed{7}};
  auto const done = train(net, samples{drawn.grey, drawn.labels, {}, per_image},
                          {.optimizer = adamw{.rate = 2e-3f},
                           .augment = rotate{.step = 90} | grey{.black = -2, .white = 2},
                           .steps = 60, .batch = 2, .clip = 1});
  std::printf("%lld steps of 2 tiles: the loss went from %.3f to %.3f.\n", static_cast<long long>(done.steps),
              static_cast<double>(done.losses.front()), done.average_loss);
}
