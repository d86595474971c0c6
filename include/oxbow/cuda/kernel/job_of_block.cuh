// One launch for many jobs: which of them a block works on.
#pragma once

namespace oxbow::on_cuda {

/// The job that this block belongs to. All threads of the block ask together; each has the answer, in `found` of shared
/// memory, when this returns.
///
/// jobs   in the order of their first_block, of which the first is 0
/// cost   a read of the table, shared out among the threads, and a barrier
template <int Threads, class Job> __device__ int job_of_block(Job const* jobs, int count, int& found) {
  int const block = static_cast<int>(blockIdx.x);
  for (int i = threadIdx.x; i < count; i += Threads)
    if (jobs[i].first_block <= block && (i + 1 == count || block < jobs[i + 1].first_block)) found = i;
  __syncthreads();
  return found;
}

}  // namespace oxbow::on_cuda
