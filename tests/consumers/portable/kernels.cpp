#include "model.hpp"

#include <oxbow/host/kernels.hpp>

template struct oxbow::kernels::inference<one_layer>;
