// SPDX-License-Identifier: Apache-2.0
// The CPU's loops write bf16 to the nearest number, ties to the even one, whatever the instruction
// set: every bf16 times 1 + 2^-8, which holds ties and carries, against rounding in integers.
#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <vector>

#include "engine/cpu/hot/loops.h"

namespace peclr {
namespace {

constexpr std::int64_t kPatterns = 1 << 16;
constexpr float kScale = 1 + 0x1p-8f;

std::uint16_t nearest(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t below = bits >> 16, rest = bits & 0xFFFF;
  const bool up = rest > 0x8000 || (rest == 0x8000 && below % 2 == 1);
  return static_cast<std::uint16_t>(below + up);
}

// Whether the bits stand for x, rounded; below the normal numbers, zero of the same sign will do.
bool is_rounded(std::uint16_t bits, float x) {
  if (std::isnan(x)) return (bits & 0x7F80) == 0x7F80 && (bits & 0x7F) != 0;
  if (bits == nearest(x)) return true;
  return std::abs(x) < 0x1p-126f && bits == (std::signbit(x) ? 0x8000 : 0);
}

int wrongly_rounded(std::int64_t block) {
  std::vector<bf16> x(kPatterns), y(kPatterns);
  for (std::size_t i = 0; i < x.size(); ++i) x[i].bits = static_cast<std::uint16_t>(i);
  const std::vector<float> scale(static_cast<std::size_t>(block), kScale),
      shift(static_cast<std::size_t>(block), 0.f);
  const NormExtent extent{1, kPatterns / block, block, block};
  loops().b16.norm_apply(extent, {x.data(), scale.data(), shift.data()}, {}, 1.f, y.data());
  int wrong = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    wrong += !is_rounded(y[i].bits, to_float(x[i]) * kScale + 0.f);
  return wrong;
}

TEST_CASE("bf16 is written to the nearest, ties to even", "[norm]") {
  INFO(loops().instruction_set);
  for (const std::int64_t block : {16, 8, 1}) CHECK(wrongly_rounded(block) == 0);
  // Planted: cut off, rounded half up, and a NaN that became infinity.
  CHECK_FALSE(is_rounded(0x3F80, std::bit_cast<float>(0x3F80C000u)));
  CHECK_FALSE(is_rounded(0x3F81, std::bit_cast<float>(0x3F808000u)));
  CHECK_FALSE(is_rounded(0x7F80, std::nanf("")));
}

}  // namespace
}  // namespace peclr
