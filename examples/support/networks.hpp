// Networks that more than one example uses, so that one predicts with what another has learned.
#pragma once
#include <oxbow/net/named.hpp>

namespace support {

using oxbow::conv;
using oxbow::scale_of;

/// The paper's network in full depth, a quarter as wide, with its dropout: 1,940,834 parameters.
struct quarter_unet
    : oxbow::seq<scale_of<16, scale_of<32, scale_of<64, scale_of<128, oxbow::seq<oxbow::stage<256>,
                                                                                 oxbow::dropout<0.5f>>>>>>,
                 conv<2, 1>> {};

}  // namespace support
