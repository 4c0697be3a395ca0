// SPDX-License-Identifier: Apache-2.0
// e^x in f32 without a library call or a branch, so that a loop over it becomes vector code on any
// instruction set.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/host_device.h"

PECLR_BEGIN

// 2^n for -126 <= n <= 127.
PECLR_HD inline float power_of_two(std::int32_t n) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(n + 127) << 23);
}

// e^x to 1.5 units in the last place, over the whole range: denormals, then 0, below -87.3;
// infinity above 88.72; NaN for NaN. x = n ln 2 + r, e^x = 2^n e^r with |r| <= ln(2) / 2 (Cody and
// Waite); e^r by a polynomial whose largest relative error there, found by Remez exchange,
// is 3.1e-9.
PECLR_HD inline float exp_f32(float x) {
  constexpr float kRound = 0x1.8p23f;  // adding it leaves the nearest integer in the lowest bits
  constexpr float kLog2e = 1.44269504f;
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;  // n * high is exact
  x = x < -104.f ? -104.f : x;                                         // so written that NaN passes
  x = x > 89.f ? 89.f : x;
  const float shifted = x * kLog2e + kRound;
  const float whole = shifted - kRound;
  const float r = (x - whole * kLn2High) - whole * kLn2Low;
  float p = 1.3814540e-3f;
  p = p * r + 8.3687451e-3f;
  p = p * r + 4.1668391e-2f;
  p = p * r + 1.6666520e-1f;
  p = p * r + 4.9999993e-1f;
  p = p * r + 1.f;
  p = p * r + 1.f;
  // 2^n in two factors: n runs from -150 to 128, one factor holds -126 to 127.
  const auto n = static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(shifted) -
                                           std::bit_cast<std::uint32_t>(kRound));
  const std::int32_t half = n >> 1;
  return p * power_of_two(half) * power_of_two(n - half);
}

// 2^x by the GPU's special function unit: 2 units in the last place (PTX ISA, ex2.approx), 0 below
// -126, the limits and NaN as one expects. On the host the library's.
PECLR_HD inline float exp2_fast(float x) {
#if defined(__CUDA_ARCH__)
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return std::exp2(x);
#endif
}

PECLR_END
