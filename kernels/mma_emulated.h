// SPDX-License-Identifier: Apache-2.0
// What kernels/mma.h asks of the tensor cores, for the emulator: lanes meet, as for a shuffle.
#pragma once
#include <bit>
#include <cstdint>

#include "kernels/bf16.h"
#include "kernels/device.h"

namespace peclr::simt {

inline float half_of(std::uint32_t word, int which) {
  return to_float(bf16{static_cast<std::uint16_t>(word >> 16 * which)});
}

struct MmaPart {
  std::uint32_t a[4], b[2];
  float c[4];
};
inline void multiply(MmaPart* const* lanes, unsigned) {
  float a[16][16], b[16][8];  // [row][k], [k][column]
  for (int lane = 0; lane < 32; ++lane) {
    const MmaPart& part = *lanes[lane];
    const int g = lane / 4, t = lane % 4;
    for (int half = 0; half < 2; ++half) {
      for (int i = 0; i < 4; ++i)
        a[g + i % 2 * 8][2 * t + i / 2 * 8 + half] = half_of(part.a[i], half);
      for (int i = 0; i < 2; ++i) b[2 * t + i * 8 + half][g] = half_of(part.b[i], half);
    }
  }
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
      float sum = 0;
      for (int k = 0; k < 16; ++k) sum += a[row][k] * b[k][column];
      lanes[lane]->c[i] += sum;
    }
}
inline void mma(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  MmaPart mine{{a[0], a[1], a[2], a[3]}, {b0, b1}, {c[0], c[1], c[2], c[3]}};
  meet<MmaPart, multiply>("mma", 0xFFFFFFFFu, mine, Where::here());
  for (int i = 0; i < 4; ++i) c[i] = mine.c[i];
}

struct MatrixRows {
  const void* mine;
  const void* first[4];   // of each matrix, the row with my first element
  const void* second[4];  // and with my second
  bool transposed;
};
inline void hand_out_rows(MatrixRows* const* lanes, unsigned) {
  for (int lane = 0; lane < 32; ++lane)
    for (int m = 0; m < 4; ++m) {
      const int row = lanes[lane]->transposed ? lane % 4 * 2 : lane / 4;
      lanes[lane]->first[m] = lanes[8 * m + row]->mine;
      lanes[lane]->second[m] = lanes[8 * m + row + (lanes[lane]->transposed ? 1 : 0)]->mine;
    }
}
inline void load_matrices(std::uint32_t (&out)[4], const void* row, bool transposed) {
  check_aligned(row, 16, Where::here());
  MatrixRows rows{row, {}, {}, transposed};
  meet<MatrixRows, hand_out_rows>("ldmatrix", 0xFFFFFFFFu, rows, Where::here());
  const unsigned at = transposed ? lane() / 4 : lane() % 4 * 2;
  for (int m = 0; m < 4; ++m) {
    const bf16 low = static_cast<const bf16*>(rows.first[m])[at];
    const bf16 high = static_cast<const bf16*>(rows.second[m])[transposed ? at : at + 1];
    out[m] = low.bits | std::uint32_t{high.bits} << 16;
  }
}

}  // namespace peclr::simt
