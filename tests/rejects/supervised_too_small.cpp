// expect: enlarged to the pixels of the output, this must reach as far as it or further, on both sides alike
// rule: supervised_node_covers_the_output
// first: name_is<'l', 'o', 'w'>.*image_is<6, 6>.*image_is<18, 18>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = level<stage<4>, seq<max_pool<2>, stage<8>, branch<"low", conv<2, 5>>, up_conv<4>>, seq<conv<2>>>;
using em = model<net, tile<32, 32>, supervise<"low">>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
