// expect: max_pool: the window has more than 256 pixels
// rule: maximum_has_a_byte
// first: at<.*max_pool<1> ?>
// first: tag_of<.*max_pool<17> ?>::self
// first: count_is<17>
#include <oxbow/lower/model.hpp>

#include "use.hpp"
using namespace oxbow;

// [mistake]
using wide = model<seq<conv<4, 3, pad::zero>, max_pool<17>, conv<2, 1>>, tile<34, 34>>;
// [/mistake]
static_assert(wide::parameter_count >= 0);
int main() { return use<wide>() < 0; }
