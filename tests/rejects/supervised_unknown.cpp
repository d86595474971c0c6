// expect: supervise: nothing has this name\. Spell it as a node or branch
// rule: supervised_name_is_known
// first: name_is<'h', 'a', 'l', 'f'>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = level<stage<4>, seq<max_pool<2>, stage<8>, branch<"coarse", conv<2, 1>>, up_conv<4>>, seq<conv<2>>>;
using em = model<net, tile<32, 32>, supervise<"coarse", 0.5f>, supervise<"half">>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
