// The one __global__ function: it gives a kernel its shared memory and calls its run().
#pragma once
#include <cstddef>
#include <type_traits>

namespace oxbow::on_cuda {

/// A kernel is a struct with
///   threads   of a block
///   storage   its shared memory, a type; an empty one if it needs none
///   args      what it is launched with, a type of scalars and pointers
///   run       static __device__ void run(args const&, storage&)
///   blocks    static int blocks(args const&): on the host, how many blocks one launch needs
///   resident  optional: blocks that a multiprocessor is to hold at once, which limits the registers of a thread
template <class Kernel> inline constexpr int resident_blocks = 1;
template <class Kernel>
  requires requires { Kernel::resident; }
inline constexpr int resident_blocks<Kernel> = Kernel::resident;

/// Bytes of dynamic shared memory to launch a kernel with.
template <class Kernel>
inline constexpr std::size_t storage_bytes =
    std::is_empty_v<typename Kernel::storage> ? 0 : sizeof(typename Kernel::storage);

template <class Kernel>
__global__ __launch_bounds__(Kernel::threads, resident_blocks<Kernel>) void enter(
    __grid_constant__ typename Kernel::args const args) {
  extern __shared__ __align__(128) unsigned char shared_memory[];
  Kernel::run(args, *reinterpret_cast<typename Kernel::storage*>(shared_memory));
}

}  // namespace oxbow::on_cuda
