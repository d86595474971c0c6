// expect: graph: two nodes or branches have this name. Rename one
// rule: name_is_new
// first: at<.*graph<1>, .*node<'i', 'n', 'p', 'u', 't'> ?>
// first: name_is<'i', 'n', 'p', 'u', 't'>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

struct net : graph<node<"input", conv<8>, "input">, node<"out", conv<2>, "input">> {};
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
