// An output pixel depends on the input pixels within its receptive radius, and on no others.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <oxbow/check/tiles.hpp>
#include <oxbow/check/trace.hpp>
#include <oxbow/core/random.hpp>
#include <oxbow/net/named.hpp>
#include <oxbow/ops/interpret.hpp>
using namespace oxbow;

namespace {

/// Changes single input pixels of a tile and looks how far the change is seen. Output pixel q looks at tile pixel
/// q + halo, because the network's output has the scale of its input. Returns the farthest distance.
template <class Net> int farthest_influence(extent size, int first_axis) {
  flat_graph const net = infer<Net>(size, first_axis, 1).net;
  value const& y = net.values[net.output];
  std::vector<double> parameters(static_cast<std::size_t>(net.parameter_count));
  random_stream const r{4, purpose::noise, 0, 0};
  for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i] = r.uniform(i, -0.5f, 0.7f);
  auto const run = [&](extent changed) {
    return ops::interpret(net,
                          ops::make_tensor<double>(
                              size, 1,
                              [&](int, ops::pixel p) {
                                bool const here = changed == extent{p.z, p.y, p.x};
                                return static_cast<double>(r.uniform(
                                           1000 + static_cast<std::uint64_t>(size.index(p.z, p.y, p.x)), -1, 1)) +
                                       (here ? 3 : 0);
                              }),
                          parameters)
        .output();
  };
  auto const before = run({-1, -1, -1});
  int farthest = 0;
  extent step{1, 1, 1};
  for (int a = first_axis; a < 3; ++a) step[a] = size[a] / 4 | 1;
  for (int z = 0; z < size.depth; z += step.depth)
    for (int i = 0; i < size.height; i += step.height)
      for (int j = 0; j < size.width; j += step.width) {
        auto const after = run({z, i, j});
        for (int k = 0; k < y.size.volume(); ++k) {
          ops::pixel const q{static_cast<int>(k / y.size.width / y.size.height),
                             static_cast<int>(k / y.size.width) % y.size.height, k % y.size.width};
          bool differs = false;
          for (int c = 0; c < y.channels; ++c) differs = differs || before(c, q) != after(c, q);
          if (!differs) continue;
          int const at[] = {q.z, q.y, q.x}, from[] = {z, i, j};
          for (int a = first_axis; a < 3; ++a) {
            int const distance = std::abs(at[a] + (size[a] - y.size[a]) / 2 - from[a]);
            CHECK(distance <= sampling_along(net, a).radius);
            farthest = std::max(farthest, distance);
          }
        }
      }
  return farthest;
}

}  // namespace

TEST_CASE("a valid convolution sees half its window") {
  CHECK(farthest_influence<conv<2, 5>>({1, 12, 13}, 1) == 2);
  CHECK(farthest_influence<conv<2, 3, pad::zero, 1, 3>>({1, 12, 13}, 1) == 3);
  CHECK(farthest_influence<conv<2, 1>>({1, 4, 5}, 1) == 0);
}
TEST_CASE("the paper's pattern") { CHECK(farthest_influence<unet<1, 2>>({1, 32, 36}, 1) >= 9); }
TEST_CASE("two poolings, padded") { CHECK(farthest_influence<unet<2, 2, 2, pad::zero>>({1, 44, 48}, 1) >= 14); }
TEST_CASE("mirrored borders bring nothing nearer than it is") {
  farthest_influence<seq<conv<2, 5, pad::mirror>, silu, conv<2, 3, pad::mirror>>>({1, 9, 10}, 1);
}
TEST_CASE("pooling by three and bilinear upsampling") {
  farthest_influence<seq<avg_pool<3>, conv<2, 3, pad::zero>, upsample<3, interpolation::bilinear>, conv<2>>>(
      {1, 24, 27}, 1);
  farthest_influence<seq<max_pool<2>, upsample<2, interpolation::bilinear>>>({1, 10, 12}, 1);
}
TEST_CASE("strides and residuals") {
  farthest_influence<seq<conv<2, 3, pad::zero, 2>, residual<seq<conv<2, 3, pad::zero>, gelu>>, up_conv<2>>>({1, 14, 12},
                                                                                                            1);
}
TEST_CASE("volumes") { farthest_influence<unet<1, 2, 2, pad::zero>>({6, 8, 10}, 0); }
