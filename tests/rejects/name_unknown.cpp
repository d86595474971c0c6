// expect: graph: no node has this name\. Spell it as a node does, or read .*input
// rule: name_is_known
// first: at<.*graph<1>, .*node<'x', '0', '1'>, .*source<'u', '0', '1'> ?>
// first: name_is<'u', '0', '1'>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

struct net
    : graph<node<"x00", conv<8, 3, pad::zero>, "input">, node<"x10", seq<max_pool<2>, conv<16, 3, pad::zero>>, "x00">,
            node<"u10", up_conv<8>, "x10">, node<"x01", conv<8, 3, pad::zero>, "x00", "u01">> {};
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
