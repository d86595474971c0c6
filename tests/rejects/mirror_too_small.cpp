// expect: conv: the image is too small to mirror its border here. Use one of the nearest tiles, or fewer levels
// rule: mirror_fits_the_image
// first: at<.*level<2>, .*inner, .*conv<1> ?>
// first: image_is<2, 4>
// first: border_is<2, 2>
// first: nearest<.*no_legal_tile, .*tile<12, 16> ?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

template <int F> using wide = conv<F, 5, pad::mirror>;
using net = level<wide<4>, seq<max_pool<2>, level<wide<8>, seq<max_pool<2>, wide<8>, up_conv<8>>, wide<8>>, up_conv<4>>,
                  wide<2>>;
using em = model<net, tile<8, 16>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
