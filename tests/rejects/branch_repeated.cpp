// expect: graph: two nodes or branches have this name\. Rename one
// rule: name_is_new
// first: name_is<'l', 'o', 'w'>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = seq<stage<4>, branch<"low", conv<2>>, branch<"low", conv<2, 1>>, conv<2, 1>>;
using em = model<net, tile<32, 32>, supervise<"low">>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
