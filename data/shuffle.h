// SPDX-License-Identifier: Apache-2.0
// Random orders that are functions of their arguments alone, so that nothing has to be remembered
// to resume a run.
#pragma once
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "kernels/random.h"

namespace peclr {

// What an order is for; part of the key, so that two purposes with one seed have nothing in common.
enum class Shuffle : std::uint64_t {
  epoch = 0x65706F6368,     // all pictures of an epoch
  source = 0x736F75726365,  // one pass over one source's pictures
  turns = 0x7475726E73,     // which source each position of an epoch draws from
  labels = 0x6C6162656C73,  // which labels are kept
  held_out = 0x68656C64     // which are held out of training
};

// A fair permutation of `items` (Fisher and Yates), keyed by (seed, purpose, a, b).
template <class T>
void shuffle(std::vector<T>& items, std::uint64_t seed, Shuffle purpose, std::uint64_t a = 0,
             std::uint64_t b = 0) {
  Rng random = Rng::of(seed, static_cast<std::uint64_t>(purpose), a, b);
  for (std::size_t left = items.size(); left > 1; --left) {
    std::swap(items[left - 1], items[random.below(static_cast<std::uint32_t>(left))]);
  }
}

// The numbers 0 .. n - 1 in that order; n < 2^32.
inline std::vector<std::uint32_t> shuffled(std::size_t n, std::uint64_t seed, Shuffle purpose,
                                           std::uint64_t a = 0, std::uint64_t b = 0) {
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  shuffle(order, seed, purpose, a, b);
  return order;
}

}  // namespace peclr
