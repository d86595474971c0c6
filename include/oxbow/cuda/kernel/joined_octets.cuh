// Octets of up to two tensors side by side along the channels, wherever a thread stands in the image.
#pragma once
#include <oxbow/cuda/kernel/finish.cuh>

namespace oxbow::on_cuda {

/// What a step reads eight channels at a time: a tensor, or both sides of a join without the join. `split`, the number
/// of the first side's channels, is a multiple of 8, so that no octet lies on both.
///
/// Whole   every pixel that is asked for lies in what is seen of its side; else there may be others, which are zero
template <class T, int Sides, bool Whole> struct joined_octets {
  source<T const> first, second;
  int split;

  /// Eight channels of one side.
  struct channels {
    source<T const> from;
    int k;
    __device__ void operator()(octet& v, spot p) const {
      int const y = p.y + from.shift_y, x = p.x + from.shift_x;
      bool const seen = Whole || (static_cast<unsigned>(y) < static_cast<unsigned>(from.height) &&
                                  static_cast<unsigned>(x) < static_cast<unsigned>(from.width));
      if (p.inside && seen) {
        load_octet(v, from.data.at(y, x, k));
      } else {
#pragma unroll
        for (int i = 0; i < 8; ++i) v[i] = 0;
      }
    }
  };
  __device__ channels at(int k) const {
    if (Sides == 1 || k < split) return {first, k};
    return {second, k - split};
  }
};

}  // namespace oxbow::on_cuda
