// expect: conv: the image is smaller than the window here: valid convolutions have used it up.
// expect: Use one of the nearest tiles, or fewer levels
// rule: convolution_fits_the_image
// first: at<.*level<4>, .*inner, .*conv<2> ?>
// first: tag_of<.*conv<1024, 3,.* ?>::self
// first: image_is<2, 2>
// first: window_is<3, 3>
// first: nearest<.*no_legal_tile, .*tile<188, 188> ?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using em = model<unet_2015, tile<124, 124>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
