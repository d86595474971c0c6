// expect: conv: the image is smaller than the window here: valid convolutions have used it up.
// expect: Use one of the nearest tiles, or fewer levels
// rule: convolution_fits_the_image
// first: at<.*conv<2> ?>
// first: image_is<2, 30, 30>
// first: window_is<3, 3, 3>
// first: nearest<.*no_legal_tile, .*tile<5, 32, 32> ?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = seq<conv<4>, relu, conv<4>>;
using em = model<net, tile<4, 32, 32>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
