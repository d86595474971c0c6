// expect: pooling: the image must be a multiple of the window here. Use one of the nearest tiles
// rule: pooling_divides_the_size
// first: at<.*graph<1>, .*node<'x', '3', '0'>, .*max_pool<1> ?>
// first: image_is<18, 16>
// first: window_is<4, 4>
// first: nearest<.*tile<64, 64>, .*tile<80, 64> ?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

struct net : graph<node<"x00", conv<4, 3, pad::zero>, "input">, node<"x20", avg_pool<4>, "x00">,
                   node<"x30", seq<conv<8, 1>, max_pool<4>>, "x20">, node<"mask", conv<2, 1>, "x30">> {};
using em = model<net, tile<72, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
