// SPDX-License-Identifier: Apache-2.0
// The bytes of 32-bit words: one instruction each on a GPU.
#pragma once
#include <cstdint>

#include "kernels/host_device.h"

PECLR_BEGIN

// Digit k of the hexadecimal `choice` says which byte becomes byte k: 0..3 of a, 4..7 of b.
PECLR_HD inline std::uint32_t pick_bytes(std::uint32_t a, std::uint32_t b, std::uint32_t choice) {
#if defined(__CUDA_ARCH__)
  return __byte_perm(a, b, choice);
#else
  const std::uint64_t both = a | std::uint64_t{b} << 32;
  std::uint32_t word = 0;
  for (int k = 0; k < 4; ++k)
    word |= static_cast<std::uint32_t>(both >> (8 * ((choice >> (4 * k)) & 7)) & 255) << (8 * k);
  return word;
#endif
}

// The two 16-bit halves of `factors` times bytes 0 and 1 of `bytes`, summed; 2 and 3 likewise.
PECLR_HD inline std::uint32_t dot_low(std::uint32_t factors, std::uint32_t bytes) {
#if defined(__CUDA_ARCH__)
  return __dp2a_lo(factors, bytes, 0u);
#else
  return (factors & 0xFFFF) * (bytes & 255) + (factors >> 16) * (bytes >> 8 & 255);
#endif
}
PECLR_HD inline std::uint32_t dot_high(std::uint32_t factors, std::uint32_t bytes) {
#if defined(__CUDA_ARCH__)
  return __dp2a_hi(factors, bytes, 0u);
#else
  return dot_low(factors, bytes >> 16);
#endif
}

PECLR_END
