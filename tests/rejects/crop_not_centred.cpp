// expect: join: the skip cannot be cropped by the same amount on both sides
// rule: crop_is_centred
// first: at<.*level<1>, .*join ?>
// first: skip_is<62, 62>
// first: joined_with<61, 61>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = level<conv<8>, seq<conv<16, 2>>, conv<2>>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
