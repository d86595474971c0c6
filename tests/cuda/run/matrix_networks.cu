// Networks in 16 bits, whose steps run on tensor cores, agree with the oracle in double.
#include <oxbow/predict/predict.hpp>

#include "matrices.cuh"
#include "replay.cuh"
#include "small_paper.hpp"
using namespace oxbow;
using namespace oxbow::testing;

namespace {

using shallow_net = seq<scale<24, seq<conv<48>, relu>>, conv<2, 1>>;
using shallow = model<shallow_net, tile<20, 32>>;
using wider = model<shallow_net, tile<36, 48>>;

}  // namespace

TEST_CASE("a U-Net whose maps are whole numbers predicts them exactly") {
  whole_numbers_agree<small_paper, cuda_f16>({.inference = 12, .training = 27});
  whole_numbers_agree<shallow, cuda_bf16>({.inference = 6, .training = 14});
}

TEST_CASE("a replayed graph does what its steps do, one by one") { graph_equals_steps<shallow, cuda_bf16>(); }

TEST_CASE("a tiled prediction has the bits of the whole image's, where blocks share no tile") {
  network<shallow, cuda_bf16> tiled{cuda_bf16{}, seed{3}};
  network<wider, cuda_bf16> whole{cuda_bf16{}, seed{4}};
  stir(tiled);
  std::copy(tiled.parameters().begin(), tiled.parameters().end(), whole.parameters().begin());
  whole.parameters_changed();
  image<float> x({1, wider::output.height - 3, wider::output.width - 1});
  random_stream const r{11, purpose::example_data};
  for (std::size_t i = 0; i < x.data.size(); ++i) x.data[i] = r.uniform(i, -1, 1);
  CHECK(predict(tiled, x).data == predict(whole, x).data);
}
