// expect: training needs more memory than training_memory<N> allows, even with cheap activations computed again\.
// expect: Use a smaller tile or fewer channels
// rule: training_fits_the_memory
// first: bytes_needed<\d+(LL)?>
// first: bytes_allowed<1000000(LL)?>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>

#include "use.hpp"
using namespace oxbow;

using em = model<unet_small, tile<128, 128>, training_memory<1'000'000>>;
static_assert(em::parameter_count >= 0);
int main() { return use<em>() < 0; }
