// expect: conv: the stride must divide the image \(with padding\) or what the window leaves of it.
// expect: Use one of the nearest tiles
// rule: stride_divides_the_size
// first: at<.*conv<2> ?>
// first: image_is<62, 63>
// first: stride_is<3, 3>
// first: nearest<.*tile<64, 64>, .*tile<64, 67> ?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = seq<conv<8>, conv<8, 2, pad::valid, 3>>;
using em = model<net, tile<64, 65>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
