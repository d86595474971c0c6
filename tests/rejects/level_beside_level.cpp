// expect: conv: the image is smaller than the window here: valid convolutions have used it up.
// expect: Use one of the nearest tiles, or fewer levels
// rule: convolution_fits_the_image
// first: at<.*seq<2>, .*level<2>, .*inner, .*conv<1> ?>
// first: image_is<1, 1>
// first: window_is<3, 3>
// first: nearest<.*no_legal_tile, .*tile<12, 12> ?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

template <class Deepest> using two_levels =
    level<conv<4, 3, pad::zero>, seq<max_pool<2>, level<relu, seq<max_pool<2>, Deepest, up_conv<4>>, relu>, up_conv<4>>,
          conv<4, 1>>;
using net = seq<two_levels<conv<4, 3, pad::zero>>, two_levels<conv<4>>>;
using em = model<net, tile<4, 4>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
