// Parameters → their packed copies, for weights that came from elsewhere than the optimizer.
#pragma once
#include <oxbow/cuda/kernel/parameter_tiles.cuh>

namespace oxbow::on_cuda {

/// All tensors of a program in one launch.
/// cost  reads each parameter once and writes each copy once
template <class T> struct pack_weights {
  using tiles = parameter_tiles<T>;
  static constexpr int threads = tiles::threads, resident = tiles::resident;
  using storage = typename tiles::storage;
  using args = parameter_table;

  __device__ static void run(args const& a, storage& s) { tiles::run(a, as_it_is{a.parameters}, s); }

 private:
  struct as_it_is {
    float const* parameters;
    using element = float;
    __device__ float read(std::int64_t i) const { return parameters[i]; }
    __device__ float finish(float value, std::int64_t) const { return value; }
  };
};

}  // namespace oxbow::on_cuda
