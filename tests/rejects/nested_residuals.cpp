// expect: channels, kernel, stride, dilation, window and factor must be 1 or more
// rule: counts_are_positive
// first: at<.*residual<2>, .*body, .*residual<1>, .*project, .*conv<1> ?>
// first: count_is<-3>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using net = seq<conv<8>, residual<conv<8>>, residual<seq<conv<8>, residual<conv<3>, conv<-3, 1>>>, conv<3, 1>>>;
using em = model<net, tile<64, 64>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
