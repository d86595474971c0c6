// expect: conv: the stride must divide the image \(with padding\) or what the window leaves of it.
// expect: Use one of the nearest tiles
// rule: stride_divides_the_size
// first: at<.*conv<1> ?>
// first: tag_of<.*conv<8, 3, .* ?>::self
// first: image_is<65, 64>
// first: stride_is<2, 2>
// first: nearest<.*tile<64, 64>, .*tile<66, 64> ?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = seq<conv<8, 3, pad::zero, 2>, relu, up_conv<2>>;
using em = model<net, tile<65, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
