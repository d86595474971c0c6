// Compiled once for each instruction set.
#include <oxbow/host/kernels.hpp>

#include "models.hpp"

template struct oxbow::kernels::inference<oxbow::testing::many_steps>;
template struct oxbow::kernels::training<oxbow::testing::many_steps>;
