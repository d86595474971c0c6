// The main of the CUDA tests: without a device there is nothing to test, which is said and is no failure.
#define DOCTEST_CONFIG_IMPLEMENT
#include <cstdio>
#include <cuda_runtime.h>
#include <doctest/doctest.h>

int main(int count, char** arguments) {
  constexpr int skipped = 77;  // the number that CMake knows, SKIP_RETURN_CODE
  int devices = 0;
  if (cudaError_t const error = cudaGetDeviceCount(&devices); error != cudaSuccess || devices == 0) {
    std::printf("skipped: there is no GPU (%s), and OXBOW_GPU_SIM did not name a simulator when CMake ran.\n",
                cudaGetErrorString(error));
    return skipped;
  }
  return doctest::Context(count, arguments).run();
}
