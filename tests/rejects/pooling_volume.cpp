// expect: pooling: the image must be a multiple of the window here. Use one of the nearest tiles
// rule: pooling_divides_the_size
// first: at<.*level<1>, .*inner, .*max_pool<1> ?>
// first: image_is<9, 32, 30>
// first: window_is<2, 2, 2>
// first: nearest<.*tile<8, 32, 28>, .*tile<12, 32, 32> ?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = unet<2, 4, 2, pad::zero>;
using em = model<net, tile<9, 32, 30>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
