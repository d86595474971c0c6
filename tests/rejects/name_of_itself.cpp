// expect: graph: this node is read before it is made: the graph has a cycle, or is out of order. Move the node up
// rule: name_comes_earlier
// first: at<.*graph<1>, .*node<'l', 'o', 'o', 'p'>, .*source<'l', 'o', 'o', 'p'> ?>
// first: name_is<'l', 'o', 'o', 'p'>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

struct net : graph<node<"loop", conv<8, 3, pad::zero>, "loop">> {};
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
