// Facts about the named networks, as constants; the sums are computed here from the papers' tables.
#include <doctest/doctest.h>

#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>
using namespace oxbow;

namespace {

// Parameters of layers, with bias.
constexpr std::int64_t conv_of(std::int64_t in, std::int64_t out, std::int64_t window = 9) {
  return (window * in + 1) * out;
}
constexpr std::int64_t up_of(std::int64_t in, std::int64_t out) { return (4 * in + 1) * out; }
constexpr std::int64_t stage_of(std::int64_t in, std::int64_t out) { return conv_of(in, out) + conv_of(out, out); }

constexpr int count(flat_graph const& net, op_kind kind) {
  int n = 0;
  for (int i = 0; i < net.forward_ops; ++i) n += net.ops[i].kind == kind;
  return n;
}

// Ronneberger 2015, figure 1.
using paper = model<unet_2015, tile<572, 572>>;
constexpr std::int64_t paper_parameters() {
  std::int64_t sum = stage_of(1, 64) + conv_of(64, 2, 1);
  for (int f = 64; f < 1024; f *= 2) sum += stage_of(f, 2 * f) + up_of(2 * f, f) + stage_of(2 * f, f);
  return sum;
}
static_assert(paper::parameter_count == 31'030'658 && paper_parameters() == 31'030'658);
static_assert(count(paper::forward, op_kind::convolve) + count(paper::forward, op_kind::up_convolve) == 23);
static_assert(count(paper::forward, op_kind::drop) == 1);
static_assert(paper::output == extent{1, 388, 388} && paper::classes == 2 && paper::input_channels == 1);
static_assert(paper::halo == extent{0, 92, 92} && paper::alignment == 16);
static_assert(paper::tile == extent{1, 572, 572} && paper::first_axis == 1);
static_assert(paper::is_legal(572) && paper::output_of(572) == 388 && paper::next_tile(572) == 572);
static_assert(!paper::is_legal(570) && paper::next_tile(570) == 572 && paper::next_tile(573) == 588);
static_assert(paper::next_tile(-5) == 188 && paper::output_of(188) == 4 && !paper::is_legal(187));
static_assert(nearest_legal(paper::forward, 2, 571, -1) == 556 && nearest_legal(paper::forward, 2, 187, -1) == 0);
static_assert(!paper::is_legal(0) && !paper::is_legal(-572) && !paper::is_legal(2'147'483'647));
static_assert(paper::next_tile(2'147'483'647) == 0);

// Multiply-adds of the paper's network, layer by layer: output pixels × window × channels in × channels out.
constexpr std::int64_t paper_work() {
  std::int64_t sum = 0, size = 572, in = 1;
  auto const conv = [&](std::int64_t out) { size -= 2, sum += size * size * 9 * in * out, in = out; };
  for (int f = 64; f < 1024; f *= 2) conv(f), conv(f), size /= 2;
  conv(1024), conv(1024);
  for (int f = 512; f >= 64; f /= 2) {
    sum += 4 * size * size * in * f;
    size *= 2, in = 2 * f;
    conv(f), conv(f);
  }
  return sum + size * size * 64 * 2;
}
static_assert(paper::multiply_adds == paper_work());
static_assert(paper::inference::steps.multiply_adds() >=
              paper_work());  // the first convolution is made twice where tiles overlap

// phseg_v5: 128 channels out of the last up-convolution, so that its last stage reads 64 + 128.
using release = model<unet_2015_release, tile<572, 572>>;
static_assert(release::parameter_count == 31'100'354);
static_assert(release::parameter_count ==
              paper_parameters() - up_of(128, 64) + up_of(128, 128) - conv_of(128, 64) + conv_of(192, 64));
static_assert(count(release::forward, op_kind::drop) == 2);
static_assert(count(release::forward, op_kind::activate) == count(paper::forward, op_kind::activate) + 4);
static_assert(release::output == paper::output && release::halo == paper::halo);

using small = model<unet_small, tile<64, 96>>;
static_assert(small::parameter_count == stage_of(1, 16) + stage_of(16, 32) + stage_of(32, 64) + stage_of(64, 128) +
                                            up_of(128, 64) + stage_of(128, 64) + up_of(64, 32) + stage_of(64, 32) +
                                            up_of(32, 16) + stage_of(32, 16) + conv_of(16, 2, 1));
static_assert(small::parameter_count == 481'762);
static_assert(small::output == extent{1, 64, 96} && small::halo == extent{0, 0, 0} && small::alignment == 8);
static_assert(small::is_legal(8) && !small::is_legal(12) && small::next_tile(1) == 8 && small::next_tile(65) == 72);

// Zhang 2018, without norms: blocks of two 3×3 and a 1×1 beside them.
constexpr std::int64_t residual_of(std::int64_t in, std::int64_t out) {
  return stage_of(in, out) + conv_of(in, out, 1);
}
constexpr std::int64_t residual_parameters() {
  std::int64_t sum = residual_of(1, 64) + conv_of(64, 2, 1);
  for (int f = 64; f < 512; f *= 2) sum += residual_of(f, 2 * f) + up_of(2 * f, f) + residual_of(2 * f, f);
  return sum;
}
using residuals = model<residual_unet, tile<64, 64>, classes<2>>;
static_assert(residuals::parameter_count == residual_parameters());
static_assert(count(residuals::forward, op_kind::add) == 7 && residuals::alignment == 8);

// Zhou 2018, figure 1: node (i, j) reads its j neighbours to the left and the one below, brought up.
constexpr std::int64_t plus_plus_parameters() {
  std::int64_t sum = conv_of(32, 2, 1);
  for (int i = 0; i < 5; ++i) {
    std::int64_t const f = 32 << i;
    sum += stage_of(i == 0 ? 1 : f / 2, f);
    for (int j = 1; i + j < 5; ++j) sum += up_of(2 * f, f) + stage_of((j + 1) * f, f);
  }
  return sum;
}
using nested = model<unet_plus_plus, tile<64, 64>>;
static_assert(nested::parameter_count == plus_plus_parameters());
static_assert(nested::output == extent{1, 64, 64} && nested::alignment == 16);

// Options, in any order.
using coloured = model<unet_small, tile<64, 64>, classes<2>, channels<3>>;
static_assert(coloured::input_channels == 3 && coloured::parameter_count == small::parameter_count + 2 * 9 * 16);
static_assert(std::is_same_v<explain<unet_small, tile<64, 64>, 3>, sound>);

// What training changes comes first in the arena; running statistics are no parameters.
using normal = model<seq<conv<4>, batch_norm, relu, conv<2>>, tile<9, 9>>;
static_assert(normal::parameter_count == conv_of(1, 4) + 4 + 4 + conv_of(4, 2));
static_assert(normal::forward.parameter_count == normal::parameter_count + 4 + 4);

// The schema is a function of names and shapes, and of nothing else.
static_assert(model<unet_small, tile<64, 64>>::schema == small::schema);
static_assert(coloured::schema != small::schema);
static_assert(paper::schema != release::schema && paper::schema != nested::schema);
using first_name = graph<node<"a", conv<4>, "input">, node<"out", conv<2>, "a">>;
using other_name = graph<node<"b", conv<4>, "input">, node<"out", conv<2>, "b">>;
using other_shape = graph<node<"a", conv<4, 5>, "input">, node<"out", conv<2>, "a">>;
using other_wiring = graph<node<"a", seq<conv<4>, relu, dropout<0.5f>>, "input">, node<"out", conv<2>, "a">>;
template <class Net> constexpr std::uint64_t schema_in_20 = model<Net, tile<20, 20>>::schema;
static_assert(schema_in_20<first_name> != schema_in_20<other_name>);
static_assert(schema_in_20<first_name> != schema_in_20<other_shape>);
static_assert(schema_in_20<first_name> == schema_in_20<other_wiring>);  // same tensors: weights fit

}  // namespace

TEST_CASE("the facts hold at run time as well") {
  CHECK(paper::next_tile(600) == 604);
  for (int n = 1; n < 700; ++n) CHECK(paper::is_legal(n) == (n >= 188 && n % 16 == 12));
}
