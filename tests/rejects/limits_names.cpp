// expect: the network has more of these than the compile-time compiler has room for
// rule: network_fits_the_limits
// first: room_for::names<64>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

struct net
    : graph<  // 64 nodes and "input"
          node<"n0", relu, "input">, node<"n1", relu, "n0">, node<"n2", relu, "n1">, node<"n3", relu, "n2">,
          node<"n4", relu, "n3">, node<"n5", relu, "n4">, node<"n6", relu, "n5">, node<"n7", relu, "n6">,
          node<"n8", relu, "n7">, node<"n9", relu, "n8">, node<"n10", relu, "n9">, node<"n11", relu, "n10">,
          node<"n12", relu, "n11">, node<"n13", relu, "n12">, node<"n14", relu, "n13">, node<"n15", relu, "n14">,
          node<"n16", relu, "n15">, node<"n17", relu, "n16">, node<"n18", relu, "n17">, node<"n19", relu, "n18">,
          node<"n20", relu, "n19">, node<"n21", relu, "n20">, node<"n22", relu, "n21">, node<"n23", relu, "n22">,
          node<"n24", relu, "n23">, node<"n25", relu, "n24">, node<"n26", relu, "n25">, node<"n27", relu, "n26">,
          node<"n28", relu, "n27">, node<"n29", relu, "n28">, node<"n30", relu, "n29">, node<"n31", relu, "n30">,
          node<"n32", relu, "n31">, node<"n33", relu, "n32">, node<"n34", relu, "n33">, node<"n35", relu, "n34">,
          node<"n36", relu, "n35">, node<"n37", relu, "n36">, node<"n38", relu, "n37">, node<"n39", relu, "n38">,
          node<"n40", relu, "n39">, node<"n41", relu, "n40">, node<"n42", relu, "n41">, node<"n43", relu, "n42">,
          node<"n44", relu, "n43">, node<"n45", relu, "n44">, node<"n46", relu, "n45">, node<"n47", relu, "n46">,
          node<"n48", relu, "n47">, node<"n49", relu, "n48">, node<"n50", relu, "n49">, node<"n51", relu, "n50">,
          node<"n52", relu, "n51">, node<"n53", relu, "n52">, node<"n54", relu, "n53">, node<"n55", relu, "n54">,
          node<"n56", relu, "n55">, node<"n57", relu, "n56">, node<"n58", relu, "n57">, node<"n59", relu, "n58">,
          node<"n60", relu, "n59">, node<"n61", relu, "n60">, node<"n62", relu, "n61">, node<"n63", relu, "n62">> {};
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
