// What each tile of Winograd's convolution costs in accuracy: the paper's network against sums in double.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include <oxbow/net/named.hpp>
#include <oxbow/ops/interpret.hpp>

#include "networks.hpp"
using namespace oxbow;
using namespace oxbow::bench;

namespace {

constexpr int side = 220;  // every level, 2592 logits, and an oracle that takes a minute

template <int Tile, real Tolerance = std::numeric_limits<float>::infinity()>
using paper = model<unet_2015, oxbow::tile<side, side>, fast_convolution<Tile, Tolerance>>;

/// The largest difference of the logits over the largest of them, and the same of their root mean squares.
template <class Model> void report(ops::tensor<double> const& wanted) {
  subject<Model> s;
  s.net.infer(std::as_const(s.tile).view(), s.logits.view());
  double worst = 0, most = 0, squares = 0, all = 0;
  for (int c = 0; c < Model::classes; ++c)
    for (int y = 0; y < Model::output.height; ++y)
      for (int x = 0; x < Model::output.width; ++x) {
        double const exact = wanted(c, {0, y, x});
        double const error = static_cast<double>(s.logits(y, x, c)) - exact;
        worst = std::max(worst, std::abs(error)), most = std::max(most, std::abs(exact));
        squares += error * error, all += exact * exact;
      }
  std::printf("fast_convolution<%d, %g>: %.2e of the largest logit, %.3g; root mean square %.2e of the logits'\n",
              Model::largest_fast_tile, static_cast<double>(Model::fast_tolerance), worst / most, most,
              std::sqrt(squares / all));
}

}  // namespace

int main() {
  subject<paper<0>> s;
  ops::tensor<double> const tile = ops::make_tensor<double>(
      s.tile.size, s.tile.channels,
      [&](int c, ops::pixel p) { return static_cast<double>(s.tile(p.z, p.y, p.x, c)); });
  auto const parameters = std::as_const(s.net).parameters();
  ops::context<double> context;
  context.training = false;
  auto const oracle =
      ops::interpret(paper<0>::forward, tile, std::vector<double>(parameters.begin(), parameters.end()), context);
  report<paper<0>>(oracle.output());
  report<paper<2>>(oracle.output());
  report<paper<4>>(oracle.output());
  report<paper<6>>(oracle.output());
  report<paper<6, 4e-6f>>(oracle.output());
  report<paper<6, 1e-6f>>(oracle.output());
  report<paper<6, 0.f>>(oracle.output());
}
