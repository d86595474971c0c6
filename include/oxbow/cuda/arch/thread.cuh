// Which thread and which block this is. One PTX instruction per function.
#pragma once

namespace oxbow::on_cuda::ptx {

/// threadIdx.x, read anew: what is computed from it stays where it is written. From threadIdx.x the compiler moves
/// everything out of loops that does not change there, until registers run out.
/// source  PTX ISA, "Special Registers: %tid"
__device__ inline int thread_index() {
  int i;
  asm volatile("mov.u32 %0, %tid.x;" : "=r"(i));
  return i;
}

/// blockIdx.x, read anew.
/// source  PTX ISA, "Special Registers: %ctaid"
__device__ inline int block_index() {
  int i;
  asm volatile("mov.u32 %0, %ctaid.x;" : "=r"(i));
  return i;
}

}  // namespace oxbow::on_cuda::ptx
