// expect: inference needs more memory than inference_memory<N> allows\. Use a smaller tile or fewer channels
// rule: inference_fits_the_memory
// first: bytes_needed<11[789]\d{6}(LL)?>
// first: bytes_allowed<100000000(LL)?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using em = model<unet_2015, tile<572, 572>, inference_memory<100'000'000>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
