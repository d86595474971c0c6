// A device that is too small: the error names the program, what its plan needs, and what is free.
#include <oxbow/net/named.hpp>

#include <string>
#include <vector>

#include "agreement.cuh"
using namespace oxbow;

TEST_CASE("a plan that does not fit says how much it needs, and how much there is") {
  using step = seq<conv<64, 3, pad::zero>, relu>;
  using wide = model<seq<step, step, step, conv<2, 1>>, tile<512, 512>>;
  static_assert(wide::inference::peak_bytes > 64'000'000);
  network<wide, oxbow::cuda> net{};
  void* held = nullptr;
  std::size_t free = 0, total = 0;
  REQUIRE(cudaMemGetInfo(&free, &total) == cudaSuccess);
  REQUIRE(cudaMalloc(&held, free - (std::size_t{32} << 20)) == cudaSuccess);  // 32 MiB are left
  image<float> x{wide::tile}, y{wide::output, 2};
  std::string message;
  try {
    net.infer(std::as_const(x).view(), y.view());
  } catch (cuda_error const& e) {
    CHECK(e.code() == cudaErrorMemoryAllocation);
    message = e.what();
  }
  cudaFree(held);
  INFO(message);
  std::vector<std::string> const parts{"cudaMallocAsync", "inference program", "free of",
                                       on_cuda::megabytes(wide::inference::peak_bytes)};
  for (std::string const& part : parts)
    CHECK(message.find(part) != std::string::npos);
}
