// expect: graph: this node reads nothing. Name what it reads, or .*input
// rule: node_reads_something
// first: at<.*graph<1>, .*node<'l', 'o', 's', 't'> ?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

struct net : graph<node<"a", conv<8>, "input">, node<"lost", conv<8>>, node<"out", conv<2>, "a", "lost">> {};
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
