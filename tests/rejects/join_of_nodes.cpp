// expect: join: the images that meet here differ in size.
// expect: Use padding, join::crop, or as many up_conv as max_pool on both ways
// rule: join_has_equal_sizes
// first: at<.*graph<1>, .*node<'m', 'e', 'e', 't'>, .*source<'d', 'o', 'w', 'n'> ?>
// first: skip_is<64, 48>
// first: joined_with<32, 24>
// first: nearest<.*no_legal_tile, .*no_legal_tile ?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

struct net : graph<node<"same", conv<4, 3, pad::zero>, "input">, node<"down", max_pool<2>, "same">,
                   node<"meet", conv<2, 1>, "same", "down">> {};
using em = model<net, tile<64, 48>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
