// expect: conv: the image is smaller than the window here: valid convolutions have used it up.
// expect: Use one of the nearest tiles, or fewer levels
// rule: convolution_fits_the_image
// first: at<.*conv<2> ?>
// first: image_is<16, 20>
// first: window_is<17, 17>
// first: nearest<.*no_legal_tile, .*tile<19, 22> ?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = seq<conv<8>, conv<8, 3, pad::valid, 1, 8>>;
using em = model<net, tile<18, 22>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
