// Ops that look at one element of each input at a time.
#pragma once
#include <oxbow/core/function.hpp>
#include <oxbow/cuda/kernel/patch.cuh>
#include <oxbow/ops/dropout.hpp>
#include <oxbow/ops/norm_factors.hpp>

namespace oxbow::on_cuda {

/// F at x. A function is named by its address, which device code may look through but not read: so by template.
template <function const* F> __device__ float value_of(float x) {
  constexpr auto f = F->value;
  return f(x);
}
template <function const* F> __device__ float derivative_of(float at) {
  constexpr auto f = F->derivative;
  return f(at);
}

/// y = f(x, element's place), for the elements of y.
template <class X, class F> __device__ void map(X const& x, patch const& y, F&& f) {
  for_each(y.where, y.first, y.count,
           [&](int c, int z, int v, int u) { y(c, z, v, u) = f(x(c, z, v, u), c, z, v, u); });
}

/// x · mask, the mask that ops/dropout.hpp defines, to the bit.
struct dropper {
  random_stream stream;
  extent size;
  int channels;
  float rate;

  __device__ float operator()(float x, int c, int z, int v, int u) const {
    auto const element = static_cast<std::uint64_t>(size.index(z, v, u) * channels + c);
    return x * ops::drop_factor(stream, element, rate);
  }
};

/// The factors of a norm for some channels, in shared memory: y = x · a + b; of its gradient dy · a + x · b + c.
struct channel_factors {
  float* a;
  float* b;
  float* c;
  int first;

  static __device__ channel_factors over(float* data, int first, int count) {
    return {data, data + count, data + 2 * count, first};
  }
};

}  // namespace oxbow::on_cuda
