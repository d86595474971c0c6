// Up-convolutions that are merged with the convolution behind them: where they are, and that it is the same network.
#include "agreement.hpp"

#include "patches.hpp"

#include <oxbow/net/named.hpp>
using namespace oxbow;
using namespace oxbow::testing;

namespace {

template <int F> using layer = seq<conv<F>, relu>;
/// One level: a skip of Skip channels, an up-convolution from Deep to Between channels with Behind it, and Decode.
template <int Skip, int Deep, int Between, class Decode, class Behind = seq<>>
using bend = seq<level<layer<Skip>, seq<max_pool<2>, layer<Deep>, up_conv<Between>, Behind>, Decode>, conv<2, 1>>;

template <class Model> constexpr int merged(on_host::tuning const& allowed) {
  int count = 0;
  for (int i = 0; i < Model::inference::steps.steps.size(); ++i)
    count += on_host::merged_with<typename Model::inference>(i, allowed).up == i;
  return count;
}
template <class Model>
inline constexpr int merged_in = merged<Model>({Model::largest_fast_tile, Model::fast_tolerance});

template <class Model> constexpr int largest_merged() {
  int most = 0;
  for (int i = 0; i < Model::inference::steps.steps.size(); ++i)
    most = std::max(most, on_host::merged_with<typename Model::inference>(
                              i, {Model::largest_fast_tile, Model::fast_tolerance}).tile);
  return most;
}

using paper = model<unet_2015, tile<572, 572>>;

}  // namespace

// The paper's deepest one would have to predict a dozen times before the product of its weights has paid.
static_assert(merged_in<paper> == 3);
static_assert(merged_in<model<unet_2015, tile<572, 572>, fast_convolution<0>>> == 0);
static_assert(merged_in<model<unet_2015, tile<188, 188>>> == 0);
// A tolerance takes the smaller tile for an up-convolution, too.
static_assert(largest_merged<paper>() == 5);
static_assert(largest_merged<model<unet_2015, tile<572, 572>, fast_convolution<6>>>() == 7);
static_assert(largest_merged<model<unet_2015, tile<572, 572>, fast_convolution<6, 4e-6f>>>() == 5);
static_assert(merged_in<model<unet_2015, tile<572, 572>, fast_convolution<6, 4e-6f>>> == 3);
static_assert(merged_in<model<unet_2015_release, tile<572, 572>>> == 0);

TEST_CASE_TEMPLATE("merged networks agree with the oracle", Model,
                   // 16 tiles and more, of an image that they do and do not fill
                   model<bend<32, 64, 32, layer<32>>, tile<86, 84>>, model<bend<17, 66, 48, layer<48>>, tile<92, 100>>,
                   model<bend<64, 96, 64, conv<64>>, tile<44, 92>>, model<unet<2, 32, 3>, tile<92, 108>, channels<2>>,
                   model<bend<32, 64, 32, layer<32>>, tile<60, 60>, fast_convolution<2>>,
                   model<bend<32, 64, 32, layer<32>>, tile<92, 84>, fast_convolution<6>>,
                   // a norm that the weights absorb, one that they do not, another activation
                   model<bend<32, 64, 32, seq<conv<32>, batch_norm, silu>>, tile<60, 68>>,
                   model<bend<32, 64, 32, seq<conv<32>, group_norm<4>, relu>>, tile<60, 60>>,
                   // so many weights that boxes transform theirs
                   model<bend<16, 288, 128, seq<layer<128>, conv<16>>>, tile<92, 92>>) {
  static_assert(merged_in<Model> > 0);
  predictions_agree<Model>();
}

TEST_CASE_TEMPLATE("where something is between or besides, nothing is merged", Model,
                   model<bend<32, 64, 32, layer<32>, relu>, tile<60, 60>>,
                   model<bend<32, 64, 32, layer<32>, batch_norm>, tile<60, 60>>,
                   model<bend<32, 64, 32, seq<max_pool<2>, layer<32>>>, tile<60, 60>>,
                   model<bend<32, 64, 32, seq<conv<32, 3, pad::zero>, relu>>, tile<60, 60>>,
                   model<bend<32, 64, 32, seq<conv<32>, relu, max_pool<2>>>, tile<60, 60>>,
                   model<bend<32, 64, 48, layer<32>>, tile<60, 60>>, model<bend<32, 64, 40, layer<40>>, tile<60, 60>>,
                   model<bend<32, 64, 32, layer<32>>, tile<60, 60>, fast_convolution<0>>,
                   model<bend<32, 64, 32, residual<seq<conv<32, 3, pad::zero>, relu>, conv<32, 1>>>, tile<60, 60>>) {
  static_assert(merged_in<Model> == 0);
  predictions_agree<Model>();
}

TEST_CASE_TEMPLATE("any number of threads, and weights that are kept or not, make the same bits", Model,
                   model<unet<2, 32, 3>, tile<92, 108>>,
                   model<bend<16, 288, 128, seq<layer<128>, conv<16>>>, tile<92, 92>>) {
  constexpr int classes = Model::classes;
  example<Model> e;
  image<float> first{Model::output, classes};
  network<Model, host> keeps{{.threads = 1}, seed{3}};
  stir(keeps);
  keeps.infer(std::as_const(e.tile).view(), first.view());
  for (int threads : {1, 2, 3, 7})
    for (bool const kept : {false, true}) {
      network<Model, host> other{{.threads = threads, .keep_weights = kept}, seed{3}};
      stir(other);
      image<float> again{Model::output, classes, poison()};
      other.infer(std::as_const(e.tile).view(), again.view());
      CHECK(first.data == again.data);
    }
}

TEST_CASE("new weights are merged anew") {
  using model_type = model<bend<32, 64, 32, layer<32>>, tile<60, 60>>;
  example<model_type> e;
  image<float> a{model_type::output, 2}, b = a;
  network<model_type, host> changes{{.threads = 2}, seed{3}}, fresh{{.threads = 2}, seed{4}};
  changes.infer(std::as_const(e.tile).view(), a.view());
  std::ranges::copy(std::as_const(fresh).parameters(), changes.parameters().begin());
  changes.infer(std::as_const(e.tile).view(), a.view());
  fresh.infer(std::as_const(e.tile).view(), b.view());
  CHECK(a.data == b.data);
}
