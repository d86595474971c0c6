// expect: join: the images that meet here differ in size.
// expect: Use padding, join::crop, or as many up_conv as max_pool on both ways
// rule: join_has_equal_sizes
// first: at<.*level<2>, .*join ?>
// first: tag_of<.*(level<.*|net) ?>::self
// first: skip_is<32, 32>
// first: joined_with<16, 16>
// first: nearest<.*no_legal_tile, .*no_legal_tile ?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

template <int F, class Inner> using scale = level<conv<F, 3, pad::zero>, Inner, conv<F, 3, pad::zero>, join::concat>;
using net = scale<8, seq<max_pool<2>, scale<16, seq<max_pool<2>, conv<32, 3, pad::zero>>>, up_conv<8>>>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
