// expect: join: the images that meet here differ in size.
// expect: Use padding, join::crop, or as many up_conv as max_pool on both ways
// rule: join_has_equal_sizes
// first: at<.*level<1>, .*join ?>
// first: skip_is<8, 64, 64>
// first: joined_with<6, 62, 62>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = level<conv<4, 3, pad::zero>, conv<4>, conv<2, 1>, join::concat>;
using em = model<net, tile<8, 64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
