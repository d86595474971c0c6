// expect: supervise: what is supervised must have as many channels as the output
// rule: supervised_node_has_the_outputs_channels
// first: name_is<'c', 'o', 'a', 'r', 's', 'e'>.*channels_differ<8, 2>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = level<stage<4>, seq<max_pool<2>, branch<"coarse", stage<8>>, stage<8>, up_conv<4>>, seq<conv<2>>>;
using em = model<net, tile<32, 32>, supervise<"coarse">>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
