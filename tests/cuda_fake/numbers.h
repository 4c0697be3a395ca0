// SPDX-License-Identifier: Apache-2.0
// Numbers as NVIDIA's libraries read and write them; sums are f32.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

namespace peclr::fake {

enum class Number { f32, bf16 };
inline std::size_t size_of(Number type) { return type == Number::f32 ? 4 : 2; }

inline float load(const void* data, std::int64_t index, Number type) {
  if (type == Number::f32) return static_cast<const float*>(data)[index];
  const std::uint32_t bits = static_cast<const std::uint16_t*>(data)[index];
  return std::bit_cast<float>(bits << 16);
}

// bf16 to the nearest, ties to even.
inline void store(void* data, std::int64_t index, Number type, float value) {
  if (type == Number::f32) {
    static_cast<float*>(data)[index] = value;
    return;
  }
  std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value))
    bits |= 1u << 22;
  else
    bits += 0x7FFF + (bits >> 16 & 1);
  static_cast<std::uint16_t*>(data)[index] = static_cast<std::uint16_t>(bits >> 16);
}

// f32 as tensor cores take it in TF32: 10 bits of mantissa.
inline float tf32(float value) {
  if (!std::isfinite(value)) return value;
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(value) + 0x1000) & ~0x1FFFu);
}

}  // namespace peclr::fake
