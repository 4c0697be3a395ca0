// SPDX-License-Identifier: Apache-2.0
// The cards' memory, which is the host's, and pinned memory: who has which block.
#pragma once
#include <cstddef>

namespace peclr::fake {

enum class Place { pageable, pinned, card };
struct Found {
  Place place = Place::pageable;
  int card = -1;
  std::size_t bytes_left = 0;  // from the address to the end of its block
};

// Of any address. Under locked().
Found find(const void* address);
std::size_t bytes_in_use(int card);

}  // namespace peclr::fake
