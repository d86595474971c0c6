// The examples of docs/language.md, and the network of README.md.
#include <doctest/doctest.h>

#include <string>

#include <oxbow/lower/describe_model.hpp>
#include <oxbow/lower/model.hpp>
#include <oxbow/lower/names.hpp>
#include <oxbow/net/named.hpp>
using namespace oxbow;

namespace readme {
// [readme]
template <int F> using stage = seq<conv<F>, relu, conv<F>, relu>;          // 3 × 3, valid

template <int F, class Inner>                                              // encode, go down, come up, join, decode
using scale = level<stage<F>, seq<max_pool<2>, Inner, up_conv<F>>, stage<F>>;

using unet = seq<scale<64, scale<128, scale<256, scale<512,
                 seq<stage<1024>, dropout<0.5f>>>>>>, conv<2, 1>>;

using em = model<unet, tile<572, 572>>;                                    // one grey channel in, 388 × 388 × 2 out
static_assert(em::parameter_count == 31'030'658);
static_assert(em::inference::peak_bytes < 120'000'000);
// [/readme]
static_assert(em::output == extent{1, 388, 388} && em::classes == 2);
static_assert(em::schema == model<unet_2015, tile<572, 572>>::schema);
}  // namespace readme

namespace first_model {
// [first_model]
using net = seq<level<stage<16>,                                          // encode
                      seq<max_pool<2>, stage<32>, up_conv<16>>,           // go down, come up
                      stage<16>>,                                         // join the skip, decode
                conv<2, 1>>;                                              // two classes
using cells = model<net, tile<108, 108>>;                                 // one grey channel in

static_assert(cells::output == extent{1, 92, 92} && cells::classes == 2);
static_assert(cells::parameter_count == 25'410);
// [/first_model]
}  // namespace first_model

namespace convolutions {
// [convolutions]
static_assert(model<conv<8>, tile<32, 48>>::output == extent{1, 30, 46});                          // 3 × 3, valid
static_assert(model<conv<8, 1>, tile<32, 48>>::output == extent{1, 32, 48});                       // 1 × 1
static_assert(model<conv<8, 3, pad::zero>, tile<32, 48>>::output == extent{1, 32, 48});            // zeros around
static_assert(model<conv<8, 5, pad::mirror>, tile<32, 48>>::output == extent{1, 32, 48});          // mirrored border
static_assert(model<conv<8, 3, pad::zero, 2>, tile<32, 48>>::output == extent{1, 16, 24});         // stride 2
static_assert(model<conv<8, 3, pad::valid, 1, 4>, tile<32, 48>>::output == extent{1, 24, 40});     // dilation 4
// [/convolutions]
static_assert(model<conv<8, 3, pad::zero>, tile<32, 48>, channels<3>>::parameter_count == 8 * (3 * 9 + 1));
}  // namespace convolutions

namespace resampling {
// [resampling]
static_assert(model<up_conv<8>, tile<32, 48>>::output == extent{1, 64, 96});                       // 2 × 2, stride 2
static_assert(model<up_conv<8, 4>, tile<32, 48>>::output == extent{1, 128, 192});
static_assert(model<upsample<>, tile<32, 48>>::output == extent{1, 64, 96});                       // nearest
static_assert(model<upsample<2, interpolation::bilinear>, tile<32, 48>>::output == extent{1, 64, 96});
static_assert(model<max_pool<>, tile<32, 48>>::output == extent{1, 16, 24});                       // window, stride 2
static_assert(model<avg_pool<4>, tile<32, 48>>::output == extent{1, 8, 12});
// [/resampling]
}  // namespace resampling

namespace elementwise {
// [elementwise]
using every_activation = seq<conv<8>, relu, conv<8>, leaky_relu<0.1f>, conv<8>, elu, conv<8>, sigmoid, conv<8>, silu,
                             conv<8>, gelu>;
using dropped = seq<conv<8>, relu, dropout<0.5f>>;
using normalised = seq<conv<8>, batch_norm, relu, conv<8>, instance_norm, relu, conv<8>, group_norm<4>, relu>;
static_assert(model<every_activation, tile<32, 32>>::output == extent{1, 20, 20});
static_assert(model<dropped, tile<32, 32>>::parameter_count == model<conv<8>, tile<32, 32>>::parameter_count);
static_assert(model<normalised, tile<32, 32>>::parameter_count == 80 + 2 * 584 + 3 * 16);  // a scale and a shift each
// [/elementwise]
}  // namespace elementwise

namespace joins {
// [joins]
template <join How, pad Border> using two_scales =
    level<stage<8, Border>, seq<max_pool<2>, stage<16, Border>, up_conv<8>>, conv<2, 1>, How>;

using cropped = model<two_scales<join::crop, pad::valid>, tile<44, 44>>;      // the paper: 16 channels meet, cropped
using side_by_side = model<two_scales<join::concat, pad::zero>, tile<44, 44>>;  // 16 channels meet, sizes are equal
using summed = model<two_scales<join::add, pad::zero>, tile<44, 44>>;         // 8 channels meet 8
static_assert(cropped::output == extent{1, 32, 32});
static_assert(side_by_side::output == side_by_side::tile && summed::output == summed::tile);
static_assert(side_by_side::parameter_count - summed::parameter_count == 8 * 2);  // conv<2, 1> reads 16 channels, or 8
// [/joins]
}  // namespace joins

namespace residuals {
// [residuals]
using plain = residual<seq<conv<8, 3, pad::zero>, relu, conv<8, 3, pad::zero>>>;  // x + Body(x): as many channels
using projected = residual<stage<16>, conv<16, 1>>;                               // Project(x), cropped, + Body(x)
static_assert(model<seq<conv<8, 3, pad::zero>, plain>, tile<20, 20>>::output == extent{1, 20, 20});
static_assert(model<projected, tile<20, 20>, channels<3>>::output == extent{1, 16, 16});
// [/residuals]
}  // namespace residuals

namespace wires {
// [graph]
using two_columns = graph<
    node<"stem", seq<conv<8, 3, pad::zero>, relu>, "input">,
    node<"fine", stage<8, pad::zero>, "stem">,
    node<"coarse", seq<max_pool<4>, stage<16, pad::zero>, upsample<4>>, "stem">,
    node<"mask", conv<2, 1>, "fine", "coarse">>;                          // reads 8 + 16 channels; last: the output
static_assert(model<two_columns, tile<64, 64>>::classes == 2);
// [/graph]
}  // namespace wires

namespace supervision {
// [branch]
using coarse_too = seq<level<stage<16, pad::zero>,
                             seq<max_pool<2>, stage<32, pad::zero>, branch<"half", conv<2, 1>>, up_conv<16>>,
                             stage<16, pad::zero>>,
                       conv<2, 1>>;
using taught = model<coarse_too, tile<64, 64>, supervise<"half", 0.4f>>;  // loss of the output + 0.4 · loss of "half"
static_assert(taught::schema == model<coarse_too, tile<64, 64>>::schema); // the same weights
static_assert(taught::inference::steps.steps.size() == 6);                // prediction leaves the branch out
// [/branch]
}  // namespace supervision

namespace reuse {
// [alias]
template <int F> using norm_stage = seq<conv<F, 3, pad::zero>, group_norm<4>, silu>;  // alias: errors print what it is
struct baseline : seq<norm_stage<16>, norm_stage<16>, conv<2, 1>> {};                 // struct: errors print its name
static_assert(model<baseline, tile<64, 64>>::output == extent{1, 64, 64});
// [/alias]
}  // namespace reuse

namespace options {
// [options]
using colour = model<unet_small, tile<256, 256>, channels<3>, classes<2>>;
using bounded = model<unet_2015, tile<572, 572>, inference_memory<120'000'000>>;
using frugal = model<unet_small, tile<256, 256>, training_memory<36'000'000>>;
using precise = model<unet_small, tile<256, 256>, fast_convolution<6, 1e-6f>>;
static_assert(colour::input_channels == 3 && colour::classes == 2);
static_assert(bounded::inference::peak_bytes <= 120'000'000);
static_assert(frugal::training::peak_bytes <= 36'000'000);
// [/options]
static_assert(model<unet_small, tile<256, 256>>::training::peak_bytes > 44'000'000);  // so the option does something
}  // namespace options

namespace facts {
// [facts]
using em = model<unet_2015, tile<572, 572>>;
static_assert(em::tile == extent{1, 572, 572} && em::output == extent{1, 388, 388});
static_assert(em::halo == extent{0, 92, 92});                  // (tile − output) / 2
static_assert(em::keeps_scale);                                // so predict() and train() take it
static_assert(em::alignment == 16);                            // four poolings
static_assert(em::is_legal(572) && !em::is_legal(570));
static_assert(em::next_tile(573) == 588 && em::output_of(588) == 404);
static_assert(em::receptive_radius == extent{0, 122, 122});    // pixels that an output pixel can depend on, per side
static_assert(em::padding_reach == extent{0, 0, 0});           // valid convolutions: no padding anywhere
static_assert(em::parameter_count == 31'030'658);
static_assert(em::multiply_adds == 150'428'424'448);
static_assert(em::inference::peak_bytes == 117'613'568);
// [/facts]
// [padded_facts]
using padded = model<unet_small, tile<256, 256>>;
static_assert(padded::output == padded::tile && padded::halo == extent{0, 0, 0});
static_assert(padded::alignment == 8);
static_assert(padded::padding_reach == extent{0, 46, 46});     // predict() throws 48 away, the next multiple of 8
// [/padded_facts]
}  // namespace facts

namespace named {
// [named]
static_assert(model<unet_2015, tile<572, 572>>::parameter_count == 31'030'658);
static_assert(model<unet_2015_release, tile<572, 572>>::parameter_count == 31'100'354);
static_assert(model<unet_small, tile<256, 256>>::parameter_count == 481'762);
static_assert(model<residual_unet, tile<256, 256>>::parameter_count == 8'041'794);
static_assert(model<unet_plus_plus, tile<256, 256>>::parameter_count == 9'041'634);
static_assert(model<unet<4>, tile<572, 572>>::parameter_count == 31'030'658);  // and first, classes, border
static_assert(model<unet<2, 8, 3, pad::zero>, tile<64, 64>>::classes == 3);
// [/named]
}  // namespace named

namespace volumes {
// [volume]
using volume = model<unet<2, 8, 2, pad::zero>, tile<16, 64, 64>>;  // the same type, three sizes: 3 × 3 × 3 windows
static_assert(volume::output == extent{16, 64, 64} && volume::first_axis == 0);
// [/volume]
}  // namespace volumes

TEST_CASE("parameters are called by their paths") {
  using net = first_model::cells;
  std::string names;
  for (auto const& p : net::forward.parameters) names += parameter_name(net::forward, p) + "\n";
  CHECK(names ==
        // [names]
        "level1.encode.conv1.weight\n"
        "level1.encode.conv1.bias\n"
        "level1.encode.conv2.weight\n"
        "level1.encode.conv2.bias\n"
        "level1.inner.conv1.weight\n"
        "level1.inner.conv1.bias\n"
        "level1.inner.conv2.weight\n"
        "level1.inner.conv2.bias\n"
        "level1.inner.up_conv1.weight\n"
        "level1.inner.up_conv1.bias\n"
        "level1.decode.conv1.weight\n"
        "level1.decode.conv1.bias\n"
        "level1.decode.conv2.weight\n"
        "level1.decode.conv2.bias\n"
        "conv1.weight\n"
        "conv1.bias\n"
        // [/names]
  );
  auto const& wired = model<wires::two_columns, tile<64, 64>>::forward;
  CHECK(parameter_name(wired, wired.parameters[0]) == "graph1.stem.conv1.weight");
}

TEST_CASE("the schema is that of names and shapes, and not of tiles") {
  CHECK(model<unet_2015, tile<572, 572>>::schema == model<unet_2015, tile<588, 588>>::schema);
  CHECK(model<unet_2015, tile<572, 572>>::schema != model<unet_2015, tile<572, 572>, channels<3>>::schema);
}
