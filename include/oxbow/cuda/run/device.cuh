// The GPU: whether there is one, and whether it is new enough.
#pragma once
#include <oxbow/cuda/run/error.cuh>

namespace oxbow::on_cuda {

/// The oldest GPUs whose tensor cores and asynchronous copies the kernels use.
inline constexpr int oldest_major = 8;

/// Facts about one device.
struct device {
  int number = 0, major = 0, minor = 0;
  int multiprocessors = 0;
  int shared_bytes = 0;  ///< that a block can ask for

  /// Makes it the thread's current device.
  void use() const { check(cudaSetDevice(number), "cudaSetDevice", "device " + std::to_string(number)); }
};

/// throws  std::runtime_error: no driver, no such device, or one that is too old
inline device open_device(int number) {
  int count = 0;
  cudaError_t const found = cudaGetDeviceCount(&count);
  if (found != cudaSuccess || count == 0) {
    cudaGetLastError();
    throw std::runtime_error(std::string{"cuda: there is no CUDA device ("} + cudaGetErrorName(found) + ", " +
                             cudaGetErrorString(found) +
                             "). Install a driver, make a GPU visible, or use host{} instead of cuda{}.");
  }
  if (number < 0 || number >= count)
    throw std::runtime_error("cuda: there is no device " + std::to_string(number) + "; choose 0 to " +
                             std::to_string(count - 1) + ".");
  device d{number};
  auto const ask = [&](int& to, cudaDeviceAttr which) {
    check(cudaDeviceGetAttribute(&to, which, number), "cudaDeviceGetAttribute", "device " + std::to_string(number));
  };
  ask(d.major, cudaDevAttrComputeCapabilityMajor), ask(d.minor, cudaDevAttrComputeCapabilityMinor);
  ask(d.multiprocessors, cudaDevAttrMultiProcessorCount);
  ask(d.shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin);
  if (d.major < oldest_major)
    throw std::runtime_error("cuda: device " + std::to_string(number) + " has compute capability " +
                             std::to_string(d.major) + "." + std::to_string(d.minor) + ", and " +
                             std::to_string(oldest_major) +
                             ".0 is needed (Ampere or later). Choose another device, or use host{}.");
  d.use();
  return d;
}

}  // namespace oxbow::on_cuda
