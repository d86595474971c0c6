// Measured by measure.py, which defines NET, TILE and USE: what the compile-time compiler alone costs.
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>
using namespace oxbow;

#if USE >= 1  // infer the sizes and check
using subject = model<NET, tile<TILE>>;
static_assert(subject::parameter_count > 0);
#endif
#if USE >= 2  // and plan inference
static_assert(subject::inference::peak_bytes > 0);
#endif
#if USE >= 3  // and plan training
static_assert(subject::training::peak_bytes > subject::inference::peak_bytes);
#endif
