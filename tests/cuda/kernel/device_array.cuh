// Arrays on the device for tests of single kernels: poisoned, so that what a kernel leaves out shows.
#pragma once
#include <doctest/doctest.h>

#include <vector>

#include <oxbow/core/random.hpp>
#include <oxbow/cuda/run/launch.cuh>
#include <oxbow/cuda/run/memory.cuh>

namespace oxbow::testing {

template <class T> class device_array {
 public:
  explicit device_array(std::size_t count) : count_{count}, memory_{bytes(), nullptr, "a test"} {
    REQUIRE(cudaMemset(memory_.data(), 0xff, static_cast<std::size_t>(bytes())) == cudaSuccess);  // NaN
  }
  explicit device_array(std::vector<T> const& from) : device_array{from.size()} {
    REQUIRE(cudaMemcpy(memory_.data(), from.data(), static_cast<std::size_t>(bytes()), cudaMemcpyDefault) ==
            cudaSuccess);
  }
  T* data() const { return reinterpret_cast<T*>(memory_.data()); }
  std::vector<T> host() const {
    std::vector<T> v(count_);
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    REQUIRE(cudaMemcpy(v.data(), memory_.data(), static_cast<std::size_t>(bytes()), cudaMemcpyDefault) == cudaSuccess);
    return v;
  }

 private:
  std::int64_t bytes() const { return static_cast<std::int64_t>(count_ * sizeof(T)); }
  std::size_t count_;
  on_cuda::device_memory memory_;
};

inline std::vector<float> numbers(std::size_t count, std::uint32_t which, float low, float high) {
  random_stream const s{3, purpose::example_data, which};
  std::vector<float> v(count);
  for (std::size_t i = 0; i < count; ++i) v[i] = s.uniform(i, low, high);
  return v;
}

}  // namespace oxbow::testing
