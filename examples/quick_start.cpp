// From a network's type to a segmented image.
#include <oxbow/io.hpp>
#include <oxbow/oxbow.hpp>

#include "support/cells.hpp"
#include "support/pictures.hpp"
using namespace oxbow;

template <int F> using twice = seq<conv<F>, relu, conv<F>, relu>;  // valid 3 × 3, as in the paper
template <int F, class Inner>                                     // encode, go down, come up, join, decode
using around = level<twice<F>, seq<max_pool<2>, Inner, up_conv<F>>, twice<F>>;

using unet_of_mine = seq<around<16, around<32, twice<64>>>, conv<2, 1>>;
using cells = model<unet_of_mine, tile<108, 108>>;  // one grey channel in
static_assert(cells::output == extent{1, 68, 68} && cells::classes == 2 && cells::parameter_count == 116'770);

int main() {
  auto const known = support::draw_cells({.size = {1, 256, 256}}), unseen = support::draw_cells({.number = 1});
  network<cells, host> net{host{}, seed{1}};
  train(net, samples{known.grey, known.labels, {}, per_image},
        {.optimizer = adam{.rate = 3e-3f},
         .schedule = cosine{},
         .augment = elastic{.sigma = 4} | rotate{} | mirror{},
         .steps = 150,
         .progress = progress_bar{}});
  write_png("cells.png", unseen.grey);
  write_png("interior.png", support::grey_picture(predict(net, unseen.grey, {.normalise = per_image}), 0, 1, 1));
}
