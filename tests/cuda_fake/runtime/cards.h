// SPDX-License-Identifier: Apache-2.0
// Two cards, so that a thread can be on the wrong one.
#pragma once
#include <cstddef>

namespace peclr::fake {

inline constexpr int kCards = 2;

int current_card();        // of the calling thread; 0 at first, as CUDA's
std::size_t card_bytes();  // of memory a card: PECLR_FAKE_MEMORY_MIB, or 8 GiB

}  // namespace peclr::fake
