// Networks of volumes: three axes, each with its own length.
#include <doctest/doctest.h>

#include <memory>

#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>
using namespace oxbow;

using cube = model<unet<2, 4>, tile<60, 44, 76>, channels<2>>;
static_assert(cube::first_axis == 0 && cube::tile == extent{60, 44, 76});
static_assert(cube::output == extent{20, 4, 36} && cube::halo == extent{20, 20, 20});
static_assert(cube::alignment == 4 && cube::receptive_radius.depth == cube::receptive_radius.width);
static_assert(cube::is_legal(44) && !cube::is_legal(42) && cube::next_tile(45) == 48);

// 27 taps instead of 9, 8 instead of 4.
constexpr std::int64_t stage_of(std::int64_t in, std::int64_t out) {
  return (27 * in + 1) * out + (27 * out + 1) * out;
}
constexpr std::int64_t up_of(std::int64_t in, std::int64_t out) { return (8 * in + 1) * out; }
static_assert(cube::parameter_count == stage_of(2, 4) + stage_of(4, 8) + stage_of(8, 16) + up_of(16, 8) +
                                           stage_of(16, 8) + up_of(8, 4) + stage_of(8, 4) + (4 + 1) * 2);
static_assert(cube::inference::peak_bytes > 0 && cube::training::peak_bytes > cube::inference::peak_bytes);

// A volume of one layer is no image: the window has depth.
using flat = model<conv<1, 3, pad::zero>, tile<1, 8, 8>>;
using image = model<conv<1, 3, pad::zero>, tile<8, 8>>;
static_assert(flat::parameter_count == 28 && image::parameter_count == 10);
static_assert(flat::output == image::output && flat::schema != image::schema);

using everything =
    model<seq<level<seq<conv<4, 3, pad::mirror>, group_norm<2>, silu>,
                    seq<avg_pool<2>, conv<4, 3, pad::zero>, batch_norm, relu, upsample<2, interpolation::bilinear>>,
                    conv<4, 3, pad::zero, 1, 2>, join::add>,
              residual<conv<4>>, dropout<0.2f>, conv<3, 1>>,
          tile<6, 8, 10>, classes<3>>;
static_assert(everything::output == extent{4, 6, 8} && everything::halo == extent{1, 1, 1});
static_assert(everything::training::steps.steps.size() > 0);

TEST_CASE("each axis is checked by itself") {
  for (int axis = 0; axis < 3; ++axis) {
    extent size{60, 44, 76};
    size[axis] += 2;
    auto const t = std::make_unique<tracer>(infer<unet<2, 4>>(size, 0, 2));
    CHECK(t->first.broken == rule::pooling_divides_the_size);
    for (int a = 0; a < 3; ++a) {
      CHECK(nearest_legal(t->net, a, size[a], -1) == (a == axis ? size[a] - 2 : size[a]));
      CHECK(nearest_legal(t->net, a, size[a], +1) == (a == axis ? size[a] + 2 : size[a]));
    }
  }
}
