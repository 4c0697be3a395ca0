// SPDX-License-Identifier: Apache-2.0
// bfloat16: the upper half of a float. Conversions round to nearest even, on integers only, so that
// loops over them vectorise on any machine and give the same bits on all.
#pragma once
#include <bit>
#include <cstdint>

#include "kernels/host_device.h"

namespace peclr {
struct bf16 {
  std::uint16_t bits = 0;
};
}  // namespace peclr

PECLR_BEGIN

PECLR_HD inline float to_float(float x) { return x; }
PECLR_HD inline float to_float(bf16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

PECLR_HD inline void store(float& out, float x) { out = x; }
PECLR_HD inline void store(bf16& out, float x) {
#if defined(__CUDA_ARCH__)
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(out.bits) : "f"(x));  // the same but for NaN's payload
#else
  const auto u = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t rounded = (u + 0x7FFFu + ((u >> 16) & 1u)) >> 16;
  const std::uint32_t quiet_nan = (u >> 16) | 0x40u;
  out.bits = static_cast<std::uint16_t>((u & 0x7FFFFFFFu) > 0x7F800000u ? quiet_nan : rounded);
#endif
}

PECLR_END
