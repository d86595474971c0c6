// What each tile of Winograd's convolution costs in accuracy: the paper's network against sums in double.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include <oxbow/net/named.hpp>
#include <oxbow/ops/interpret.hpp>

#include "networks.hpp"
using namespace oxbow;
using namespace oxbow::bench;

namespace {

constexpr int side = 188;  // the smallest tile of the paper's network: every level, and an oracle that takes a minute

template <int Tile> using paper = model<unet_2015, oxbow::tile<side, side>, fast_convolution<Tile>>;

/// Largest difference of the logits over the largest of them.
template <int Tile> void report(ops::tensor<double> const& wanted) {
  subject<paper<Tile>> s;
  s.net.infer(std::as_const(s.tile).view(), s.logits.view());
  double worst = 0, most = 0;
  for (int c = 0; c < paper<Tile>::classes; ++c)
    for (int y = 0; y < paper<Tile>::output.height; ++y)
      for (int x = 0; x < paper<Tile>::output.width; ++x) {
        double const exact = wanted(c, {0, y, x});
        worst = std::max(worst, std::abs(static_cast<double>(s.logits(y, x, c)) - exact));
        most = std::max(most, std::abs(exact));
      }
  std::printf("fast_convolution<%d>: %.2e of the largest logit, %.3g\n", Tile, worst / most, most);
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
  report<0>(oracle.output());
  report<2>(oracle.output());
  report<4>(oracle.output());
  report<6>(oracle.output());
}
