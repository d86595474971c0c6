// Starting a kernel.
#pragma once
#include <oxbow/cuda/arch/enter.cuh>
#include <oxbow/cuda/run/error.cuh>

namespace oxbow::on_cuda {

/// Blocks are numbered by one axis. shared_bytes: where the kernel's storage is larger than its type says
template <class Kernel> void launch(typename Kernel::args const& args, std::int64_t blocks, cudaStream_t s,
                                    std::string const& what, std::size_t shared_bytes = storage_bytes<Kernel>) {
  if (blocks == 0) return;
  if (blocks > 0x7fffffff)
    throw std::runtime_error("cuda: " + what + " needs " + std::to_string(blocks) + " blocks, and a launch has 2^31.");
  constexpr std::size_t without_asking = 48 * 1024;
  if (shared_bytes > without_asking)
    check(cudaFuncSetAttribute(enter<Kernel>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shared_bytes)),
          "cudaFuncSetAttribute", what);
  enter<Kernel><<<static_cast<unsigned>(blocks), Kernel::threads, shared_bytes, s>>>(args);
  check(cudaGetLastError(), "a launch", what);
}

inline std::int64_t blocks_for(std::int64_t elements, int threads) { return (elements + threads - 1) / threads; }

}  // namespace oxbow::on_cuda
