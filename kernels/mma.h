// SPDX-License-Identifier: Apache-2.0
// Products of a warp on the tensor cores, C [16, 8] += A [16, 16] B [16, 8] of bf16 with f32 sums,
// and the loads that bring matrices from shared memory into the layout that they ask for. All 32
// lanes call.
//
// With g = lane / 4 and t = lane % 4, a lane holds (PTX ISA, mma.m16n8k16; a word holds two bf16,
// the first in its lower half):
//   A (row, k):       a[0] (g, 2t..2t+1)  a[1] (g+8, 2t..)  a[2] (g, 2t+8..)  a[3] (g+8, 2t+8..)
//   B (k, column):    b[0] (2t..2t+1, g)  b[1] (2t+8.., g)
//   C (row, column):  c[0], c[1] (g, 2t..2t+1)              c[2], c[3] (g+8, 2t..2t+1)
// So C of two neighbouring products, rounded, is A of the next.
#pragma once
#include <bit>
#include <cstdint>

#include "kernels/bf16.h"
#include "kernels/device.h"

#if !defined(__CUDACC__)
#include "kernels/mma_emulated.h"
#endif

namespace peclr::kernels {

using Word = std::uint32_t;

// Two floats, rounded to nearest even, in one word.
PECLR_DEVICE Word pack_bf16(float first, float second) {
#if defined(__CUDACC__)
  Word word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
  return word;
#else
  bf16 low, high;
  store(low, first);
  store(high, second);
  return low.bits | Word{high.bits} << 16;
#endif
}

PECLR_DEVICE void mma(float (&c)[4], const Word (&a)[4], Word b0, Word b1) {
#if defined(__CUDACC__)
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  simt::mma(c, a, b0, b1);
#endif
}

enum class MatrixLoad { plain, transposed };

// Four 8x8 matrices of bf16 from shared memory. Lane l brings the address of row l % 8 of matrix
// l / 8 (16 bytes, aligned) and gets of each matrix m, in out[m], the elements (g, 2t..2t+1), or
// those of the transposed matrix.
template <MatrixLoad kLoad>
PECLR_DEVICE void load_matrices(Word (&out)[4], const void* row) {
#if defined(__CUDACC__)
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  if constexpr (kLoad == MatrixLoad::plain)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(address)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(address)
                 : "memory");
#else
  simt::load_matrices(out, row, kLoad == MatrixLoad::transposed);
#endif
}

}  // namespace peclr::kernels
