// SPDX-License-Identifier: Apache-2.0
// A 64-bit checksum against damage (not against malice), at the speed of memory. Four lanes take a
// word in turn; every step is a bijection of its lane, so damage that stays within one 8-byte word
// is found for certain, any other but for one chance in 2^64.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/random.h"

namespace peclr {

// Chain several blocks by passing one's result as the next one's `before`.
inline std::uint64_t checksum64(const void* data, std::size_t bytes, std::uint64_t before = 0) {
  constexpr int kLanes = 4;
  constexpr std::size_t kStripe = kLanes * sizeof(std::uint64_t);
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15ull;
  std::uint64_t lanes[kLanes], words[kLanes];
  for (int k = 0; k < kLanes; ++k)
    lanes[k] = mix64(before + kOdd * static_cast<std::uint64_t>(k + 1));
  const auto* from = static_cast<const unsigned char*>(data);
  const auto take = [&](const unsigned char* stripe) {
    std::memcpy(words, stripe, kStripe);
    for (int k = 0; k < kLanes; ++k) lanes[k] = std::rotl((lanes[k] ^ words[k]) * kOdd, 31);
  };
  std::size_t i = 0;
  for (; i + kStripe <= bytes; i += kStripe) take(from + i);
  if (i < bytes) {
    unsigned char last[kStripe] = {};
    std::memcpy(last, from + i, bytes - i);
    take(last);
  }
  std::uint64_t sum = mix64(before ^ static_cast<std::uint64_t>(bytes));
  for (int k = 0; k < kLanes; ++k) sum = mix64(sum ^ lanes[k]);
  return sum;
}

}  // namespace peclr
