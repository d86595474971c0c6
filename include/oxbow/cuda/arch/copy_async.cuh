// Copies from global to shared memory that run beside the arithmetic. One PTX instruction per function, with its
// predicate where it has one.
#pragma once
#include <cstdint>

namespace oxbow::on_cuda::ptx {

/// A pointer into shared memory as the 32-bit address that instructions take.
__device__ inline std::uint32_t shared_address(void const* p) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(p));
}

/// 16 bytes, past L1. Both addresses are multiples of 16.
/// source  PTX ISA, "Data Movement and Conversion Instructions: cp.async"
__device__ inline void copy_async(std::uint32_t to, void const* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
}

/// The same, or 16 zero bytes where `inside` is false; `from` is then not read, but must be a valid address.
/// source  PTX ISA, "cp.async", operand src-size
__device__ inline void copy_async(std::uint32_t to, void const* from, bool inside) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(inside ? 16 : 0) : "memory");
}

/// The same two where `wanted`, without a branch: what surrounds the copy is scheduled around it. Elsewhere both
/// addresses may be anything.
/// source  PTX ISA, "Predicated Execution"
__device__ inline void copy_async_if(bool wanted, std::uint32_t to, void const* from) {
  asm volatile(
      "{\n\t.reg .pred wanted;\n\tsetp.ne.u32 wanted, %2, 0;\n\t"
      "@wanted cp.async.cg.shared.global [%0], [%1], 16;\n\t}" ::"r"(to), "l"(from), "r"(int{wanted})
      : "memory");
}
__device__ inline void copy_async_if(bool wanted, std::uint32_t to, void const* from, bool inside) {
  asm volatile(
      "{\n\t.reg .pred wanted;\n\tsetp.ne.u32 wanted, %2, 0;\n\t"
      "@wanted cp.async.cg.shared.global [%0], [%1], 16, %3;\n\t}" ::"r"(to), "l"(from), "r"(int{wanted}),
      "r"(inside ? 16 : 0)
      : "memory");
}

/// Four bytes, through L1. Both addresses are multiples of 4.
/// source  PTX ISA, "cp.async", cp-size 4
__device__ inline void copy_word_async(std::uint32_t to, void const* from) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(to), "l"(from) : "memory");
}

/// Closes a group of this thread's copies.
/// source  PTX ISA, "cp.async.commit_group"
__device__ inline void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Waits until at most the newest `Pending` groups of this thread are under way.
/// source  PTX ISA, "cp.async.wait_group"
template <int Pending> __device__ inline void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

}  // namespace oxbow::on_cuda::ptx
