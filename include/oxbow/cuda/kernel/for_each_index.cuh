// Augmentation on the device: one sample in one pass, by the functor that threads of the host run.
#pragma once
#include <thrust/execution_policy.h>
#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>

#include <cstdint>

namespace oxbow::on_cuda {

/// f(0) … f(count − 1) in the order of a stream, which is not waited for. For gather_pixel of augment/gather.hpp: its
/// source and target point to device memory.
template <class F> void for_each_index(F const& f, std::int64_t count, cudaStream_t s) {
  thrust::for_each_n(thrust::cuda::par_nosync.on(s), thrust::counting_iterator<std::int64_t>{0}, count, f);
}

}  // namespace oxbow::on_cuda
