// A plain U-Net gives the same bits for any number of threads; and it learns from data that have little in them.
#include "determinism.hpp"

#include <oxbow/augment/blur.hpp>
#include <oxbow/net/named.hpp>
#include <oxbow/objects/border_weights.hpp>

using namespace oxbow;
using namespace oxbow::testing;

namespace {
// Tiles of several pieces of work for each step, so that threads have something to share out.
using plain = model<unet<2, 8, 3, pad::zero>, tile<64, 72>>;
// So many channels in few tiles that threads share out channels.
template <int F> using wide_stage = seq<conv<F, 3, pad::zero>, relu, conv<F, 3, pad::zero>, relu>;
using wide = model<seq<level<wide_stage<48>, seq<max_pool<2>, wide_stage<112>, dropout<.4f>, up_conv<80>>,
                             wide_stage<64>>, conv<3, 1>>, tile<20, 28>>;
}  // namespace

TEST_CASE("a plain U-Net: steps have the same bits for any number of threads") { steps_agree<plain>(); }
TEST_CASE("a wide U-Net: steps have the same bits for any number of threads") { steps_agree<wide>(); }
TEST_CASE("a plain U-Net: training and prediction have the same bits for any number of threads, others for another seed") {
  training_agrees<plain>();
}

TEST_CASE("poor data train, with the paper's weights and deformations, and leave a network that predicts") {
  sample const rich = example({1, 64, 72}, 1, 3, 5);
  auto const all_of = [](extent size, std::uint8_t label) { return label_image(size, 1, label); };
  struct {
    std::string what;
    image<float> picture;
    label_image labels;
  } const poor[] = {{"no object, all membrane", rich.input, all_of({1, 64, 72}, 0)},
                    {"one object, no membrane", rich.input, all_of({1, 64, 72}, 1)},
                    {"a constant image", image<float>({1, 64, 72}, 1, 0.3f), rich.labels},
                    {"one tile", rich.input, rich.labels},
                    {"smaller than the tile", noise({1, 5, 3}, 1, 6), example({1, 5, 3}, 1, 3, 6).labels},
                    {"one pixel", noise({1, 1, 1}, 1, 7), all_of({1, 1, 1}, 2)},
                    {"nothing labelled", rich.input, all_of({1, 64, 72}, ignored)}};
  for (auto const& p : poor)
    for (auto const how : {tile_sampling::pixels, tile_sampling::classes}) {
      CAPTURE(p.what);
      samples const data{p.picture, p.labels, border_weights{}, per_image};
      network<plain, host> net{host{2}, seed{1}};
      auto const before = bits_of(net);
      auto const done = train(net, data,
                              {.optimizer = sgd{.rate = 0.01f, .momentum = 0.9f},
                               .augment = elastic{.sigma = 3} | rotate{} | mirror{} | grey{} | blur{},
                               .steps = 3,
                               .sampling = how});
      CHECK(done.steps == 3);
      CHECK(finite(done.losses));
      CHECK(finite(bits_of(net)));
      bool const labelled = std::ranges::any_of(p.labels.data, [](auto label) { return label != ignored; });
      CHECK(same_bits(bits_of(net), before) == !labelled);
      CHECK(finite(predict(net, p.picture, {.normalise = per_image}).data));
    }
}
