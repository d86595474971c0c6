// Tensor cores: fragments from shared memory, and their products. One PTX instruction per function.
#pragma once
#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace oxbow::on_cuda::ptx {

/// Four 8×8 matrices of 16-bit elements. Lane l gives the address of row l % 8 of matrix l / 8; register i then holds,
/// of matrix i, row l / 4, columns 2 · (l % 4) and the next.
/// source  PTX ISA, "Warp Level Matrix Load Instruction: ldmatrix"
__device__ inline void load_matrices(std::uint32_t (&r)[4], std::uint32_t row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(row)
               : "memory");
}

/// The same, each matrix transposed: register i holds columns as rows.
/// source  PTX ISA, "ldmatrix", qualifier .trans
__device__ inline void load_matrices_transposed(std::uint32_t (&r)[4], std::uint32_t row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(row)
               : "memory");
}

/// d += a · b with a: 16 × 16, b: 16 × 8, d: 16 × 8; products of 16-bit numbers, sums in fp32.
/// With g = lane / 4 and t = lane % 4: a0 is row g, columns 2t and 2t + 1; a1 row g + 8; a2 and a3 the same rows,
/// columns + 8; b0 is rows 2t and 2t + 1, column g; b1 rows + 8; d[0], d[1] are row g, columns 2t and 2t + 1;
/// d[2], d[3] row g + 8.
/// source  PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type"
__device__ inline void multiply(float (&d)[4], __half, std::uint32_t a0, std::uint32_t a1, std::uint32_t a2,
                                std::uint32_t a3, std::uint32_t b0, std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

/// The same for bf16.
/// source  PTX ISA, "Multiply-and-Accumulate Instruction: mma", .bf16
__device__ inline void multiply(float (&d)[4], __nv_bfloat16, std::uint32_t a0, std::uint32_t a1, std::uint32_t a2,
                                std::uint32_t a3, std::uint32_t b0, std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

/// The same of tf32 numbers, 32 bits each, of which it takes the upper 19: a: 16 × 8, b: 8 × 8. a0 is row g, column t;
/// a1 row g + 8; a2 and a3 the same rows, column t + 4; b0 is row t, column g; b1 row t + 4.
/// source  PTX ISA, "Matrix Fragments for mma.m16n8k8", .tf32
__device__ inline void multiply(float (&d)[4], float, std::uint32_t a0, std::uint32_t a1, std::uint32_t a2,
                                std::uint32_t a3, std::uint32_t b0, std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

}  // namespace oxbow::on_cuda::ptx
