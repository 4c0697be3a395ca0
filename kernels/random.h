// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: a number depends on its key and its counter and on nothing that
// happened before, so threads, resumes and devices cannot change it. Integer-exact everywhere
// (splitmix64's finaliser, Steele et al. 2014).
#pragma once
#include <cstdint>

#include "kernels/host_device.h"

namespace peclr {

PECLR_HD inline std::uint64_t mix64(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

// One stream of numbers. Streams with different keys are independent for our purposes.
struct Rng {
  std::uint64_t key = 0, counter = 0;

  // Key from up to four words, e.g. {seed, purpose, epoch, index}.
  PECLR_HD static Rng of(std::uint64_t a, std::uint64_t b = 0, std::uint64_t c = 0,
                         std::uint64_t d = 0) {
    constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ull;
    std::uint64_t k = mix64(a + kGolden);
    k = mix64(k ^ (b + 2 * kGolden));
    k = mix64(k ^ (c + 3 * kGolden));
    k = mix64(k ^ (d + 4 * kGolden));
    return {k, 0};
  }

  PECLR_HD std::uint64_t next() { return mix64(key + (++counter) * 0x9E3779B97F4A7C15ull); }
  // [0, 1), 24 bits.
  PECLR_HD float uniform() { return static_cast<float>(next() >> 40) * 0x1p-24f; }
  PECLR_HD float uniform(float low, float high) { return low + (high - low) * uniform(); }
  // [0, n), n < 2^32.
  PECLR_HD std::uint32_t below(std::uint32_t n) {
    return static_cast<std::uint32_t>(((next() >> 32) * n) >> 32);
  }
};

}  // namespace peclr
