// What went wrong on the device, as exceptions that say where.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace oxbow {

/// A call of CUDA's that failed: which one, its code, and what it was for (a step of a program, a buffer).
class cuda_error : public std::runtime_error {
 public:
  cuda_error(char const* call, cudaError_t code, std::string const& what, std::string const& advice = {})
      : std::runtime_error(std::string{call} + " failed for " + what + ": " + cudaGetErrorName(code) + " (" +
                           std::to_string(static_cast<int>(code)) + "), " + cudaGetErrorString(code) + "." +
                           (advice.empty() ? "" : " " + advice)),
        code_{code} {}
  cudaError_t code() const { return code_; }

 private:
  cudaError_t code_;
};

}  // namespace oxbow

namespace oxbow::on_cuda {

/// Throws cuda_error unless the call went well. what: the step, buffer or program that it was for
inline void check(cudaError_t code, char const* call, std::string const& what) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // one that is not sticky is not to be found again by the next call
  throw cuda_error{call, code, what};
}

/// "1234.5 MB"
inline std::string megabytes(std::int64_t bytes) {
  std::int64_t const tenths = (bytes + 99'999) / 100'000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MB";
}

}  // namespace oxbow::on_cuda
