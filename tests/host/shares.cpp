// Steps whose channels are shared out: as many shares as keep threads busy, and what they make together.
#include <oxbow/host/winograd/choose.hpp>

#include "agreement.hpp"

using namespace oxbow;
using namespace oxbow::testing;

namespace {

template <int F> using wide = seq<conv<F, 3, pad::zero>, relu>;

constexpr instruction layer(int inputs, int outputs, int height, int width) {
  instruction i;
  i.kind = op_kind::convolve;
  i.window = {1, 3, 3};
  i.in_size = {1, height + 2, width + 2}, i.out_size = {1, height, width};
  i.in_channels = inputs, i.out_channels = outputs;
  return i;
}
constexpr int shares(instruction const& i, int most, int threads) {
  on_host::step_tiles const boxes = on_host::fast_tiles(i, {1, 1, 1}, 4, (threads + most - 1) / most);
  return on_host::even_shares(i, boxes, most, threads);
}

/// The busiest thread's tiles beside an even share, if each runs the pieces that it has by itself: shares of channels one
/// behind the other, each with all boxes.
double imbalance(instruction const& i, int most, int threads) {
  on_host::step_tiles const boxes = on_host::fast_tiles(i, {1, 1, 1}, 4, (threads + most - 1) / most);
  int const count = on_host::even_shares(i, boxes, most, threads);
  std::int64_t const pieces = boxes.tiles() * count;
  double busiest = 0, all = 0;
  for (int t = 0; t < threads; ++t) {
    auto const begin = [&](int thread) { return (thread * pieces + threads - 1) / threads; };
    double work = 0;
    for (std::int64_t n = begin(t); n < begin(t + 1); ++n) {
      box const b = boxes.at(n % boxes.tiles(), i.out_size);
      work += static_cast<double>(((b.size.height + 3) / 4) * ((b.size.width + 3) / 4)) / count;
    }
    busiest = std::max(busiest, work), all += work;
  }
  return busiest / (all / threads);
}

}  // namespace

TEST_CASE("few boxes are cut into shares of channels, many are not") {
  static_assert(shares(layer(1024, 1024, 28, 28), 32, 2) == 2);
  static_assert(shares(layer(1024, 1024, 28, 28), 32, 1) == 1);
  static_assert(shares(layer(64, 64, 568, 568), 2, 2) == 1);
  static_assert(shares(layer(512, 512, 64, 64), 16, 2) == 1);  // four equal boxes
  static_assert(shares(layer(512, 512, 64, 64), 1, 5) == 1);   // an op needs all channels
}

TEST_CASE("the layers of the paper's network leave no thread without work for long") {
  struct {
    int inputs, outputs, size;
  } constexpr layers[] = {{64, 64, 568},   {64, 128, 282},  {128, 128, 280}, {128, 256, 138}, {256, 256, 136},
                          {256, 512, 66},  {512, 512, 64},  {512, 1024, 30}, {1024, 1024, 28}, {1024, 512, 54},
                          {512, 512, 52},  {512, 256, 102}, {256, 256, 100}, {256, 128, 198}, {128, 128, 196},
                          {128, 64, 390},  {64, 64, 388}};
  for (auto const& l : layers)
    for (int threads : {2, 3, 4, 6, 8}) {
      CAPTURE(l.outputs);
      CAPTURE(l.size);
      CAPTURE(threads);
      CHECK(imbalance(layer(l.inputs, l.outputs, l.size, l.size), l.outputs / 32, threads) < 1.15);
    }
}

TEST_CASE("boxes cover an image once, in whole units but at its end, and are as large as `largest` at most") {
  for (int height : {1, 5, 28, 52, 131})
    for (int width : {3, 54, 100})
      for (int threads : {1, 2, 7}) {
        instruction const i = layer(256, 256, height, width);
        on_host::step_tiles const boxes = on_host::fast_tiles(i, {1, 2, 2}, 4, threads);
        std::vector<int> seen(static_cast<std::size_t>(height * width));
        for (std::int64_t n = 0; n < boxes.tiles(); ++n) {
          box const b = boxes.at(n, i.out_size);
          for (int a = 1; a < 3; ++a) {
            CHECK(b.origin[a] % 4 == 0);
            CHECK((b.end(a) % 4 == 0 || b.end(a) == i.out_size[a]));
            CHECK(b.size[a] > 0);
            CHECK(b.size[a] <= boxes.largest(i.out_size)[a]);
          }
          for (int y = b.origin.height; y < b.end(1); ++y)
            for (int x = b.origin.width; x < b.end(2); ++x) ++seen[static_cast<std::size_t>(y * width + x)];
        }
        CHECK(std::ranges::all_of(seen, [](int times) { return times == 1; }));
      }
}

TEST_CASE_TEMPLATE("what shares make agrees with the oracle: joins, poolings, masks, dropout, sums", Model,
                   model<seq<level<seq<wide<48>, wide<80>>,
                                   seq<max_pool<2>, wide<112>, dropout<.4f>, wide<96>, up_conv<64>>, wide<96>>,
                             conv<3, 1>>, tile<12, 20>, channels<2>>,
                   model<seq<wide<96>, residual<seq<wide<96>, dropout<.3f>, conv<96, 3, pad::zero>>>, avg_pool<2>,
                             wide<112>, conv<3, 1>>, tile<10, 14>>) {
  for (int threads : {3, 5}) {
    predictions_agree_on<Model>(host{threads});
    gradients_agree_on<Model>(host{threads});
  }
}
