// expect: graph: two nodes or branches have this name. Rename one
// rule: name_is_new
// first: at<.*graph<1>, .*node<'s', 'a', 'm', 'e'> ?>
// first: name_is<'s', 'a', 'm', 'e'>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

struct net : graph<node<"same", conv<8>, "input">, node<"other", conv<8>, "same">, node<"same", conv<2>, "other">> {};
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
