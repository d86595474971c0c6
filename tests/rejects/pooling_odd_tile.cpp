// expect: pooling: the image must be a multiple of the window here. Use one of the nearest tiles
// rule: pooling_divides_the_size
// first: at<.*level<2>, .*inner, .*max_pool<1> ?>
// first: tag_of<.*max_pool<2> ?>::self
// first: image_is<279, 280>
// first: window_is<2, 2>
// first: nearest<.*tile<556, 572>, .*tile<572, 572> ?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

// [mistake]
using em = model<unet_2015, tile<570, 572>>;
// [/mistake]
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
