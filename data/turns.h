// SPDX-License-Identifier: Apache-2.0
// Long work on many elements, with progress.
#pragma once
#include <cstdint>
#include <functional>

namespace peclr {

// Told how many of how many elements are done, from the caller's thread.
using CountProgress = std::function<void(std::int64_t done, std::int64_t all)>;

// work(i) for each i in [0, count), on all threads, `a_turn` of them at a time; progress after each
// turn. What is thrown is thrown on when its turn is through, and the next one is not begun.
void in_turns(std::int64_t count, std::int64_t a_turn,
              const std::function<void(std::int64_t i)>& work, const CountProgress& progress);

}  // namespace peclr
