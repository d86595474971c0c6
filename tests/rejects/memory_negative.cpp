// expect: inference needs more memory than inference_memory<N> allows
// rule: inference_fits_the_memory
// first: bytes_needed<\d+(LL)?>
// first: bytes_allowed<-1(LL)?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using em = model<unet_small, tile<64, 64>, inference_memory<-1>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
