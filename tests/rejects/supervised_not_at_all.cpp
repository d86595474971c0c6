// expect: supervise<name, weight above 0>
// rule: option_is_known
// first: option_is_known.*supervise<
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = seq<stage<4>, branch<"low", conv<2, 1>>, conv<2, 1>>;
using em = model<net, tile<32, 32>, supervise<"low", 0.f>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
