// Loads and stores of 16 bytes at once, which the compiler might otherwise split. One PTX instruction per function.
#pragma once
#include <cstdint>

namespace oxbow::on_cuda::ptx {

/// source  PTX ISA, "Data Movement and Conversion Instructions: ld", .shared.v4
__device__ inline void load_shared(std::uint32_t (&r)[4], std::uint32_t at) {
  asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at)
               : "memory");
}

/// source  PTX ISA, "Data Movement and Conversion Instructions: ld", .global.v4
__device__ inline void load_global(std::uint32_t (&r)[4], void const* at) {
  asm volatile("ld.global.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "l"(at)
               : "memory");
}

/// source  PTX ISA, "Data Movement and Conversion Instructions: st", .global.v4
__device__ inline void store_global(void* at, std::uint32_t const (&r)[4]) {
  asm volatile("st.global.v4.u32 [%0], {%1,%2,%3,%4};" ::"l"(at), "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3])
               : "memory");
}

}  // namespace oxbow::on_cuda::ptx
