// SPDX-License-Identifier: Apache-2.0
#include "data/turns.h"

#include <algorithm>

#include "engine/parallel.h"

namespace peclr {

void in_turns(std::int64_t count, std::int64_t a_turn,
              const std::function<void(std::int64_t)>& work, const CountProgress& progress) {
  for (std::int64_t start = 0; start < count; start += a_turn) {
    const std::int64_t some = std::min(a_turn, count - start);
    parallel_for(some, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) work(start + i);
    });
    if (progress) progress(start + some, count);
  }
}

}  // namespace peclr
