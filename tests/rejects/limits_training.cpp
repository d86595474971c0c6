// expect: the program has more ops than graph/limits.hpp has room for: raise limits::ops
// rule: program<
// first: program<
#include <oxbow/lower/model.hpp>

#include "use.hpp"
using namespace oxbow;

// 138 ops forward, which fit, and 518 with those backward.
using mirrored = conv<4, 3, pad::mirror>;
using em = model<graph<node<"n0", mirrored, "input">,
                 node<"n1", mirrored, "n0">,
                 node<"n2", mirrored, "n0", "n1">,
                 node<"n3", mirrored, "n0", "n1", "n2">,
                 node<"n4", mirrored, "n0", "n1", "n2", "n3">,
                 node<"n5", mirrored, "n0", "n1", "n2", "n3", "n4">,
                 node<"n6", mirrored, "n0", "n1", "n2", "n3", "n4", "n5">,
                 node<"n7", mirrored, "n0", "n1", "n2", "n3", "n4", "n5", "n6">,
                 node<"n8", mirrored, "n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7">,
                 node<"n9", mirrored, "n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8">,
                 node<"n10", mirrored, "n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9">,
                 node<"n11", mirrored, "n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "n10">,
                 node<"n12", mirrored, "n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "n10", "n11">,
                 node<"n13", mirrored, "n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "n10", "n11", "n12">,
                 node<"n14", mirrored, "n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "n10", "n11",
                      "n12", "n13">,
                 node<"n15", mirrored, "n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "n10", "n11",
                      "n12", "n13", "n14">>,
                 tile<16, 16>>;
static_assert(em::training::peak_bytes > 0);
int main() { return use<em>() < 0; }
