// SPDX-License-Identifier: Apache-2.0
// When the search for a convolution's fastest plan has seen enough.
#pragma once
#include <algorithm>

namespace peclr::cuda {

struct SearchSoFar {
  int ran = 0,
      failed = 0;  // plans; of engines that are not exact none is made, which costs nothing
  double best_microseconds = 0;  // of those that ran
  double timing_seconds = 0;     // spent on runs
  double seconds = 0;            // spent in all; some engines compile for a second each
};

// The best are among the first, what is fast already pays back little of more timing, and a network
// has a dozen shapes whose engines compile. But a few are compared where they run, however long
// they compile, and where none runs some are tried.
inline bool enough(const SearchSoFar& s) {
  constexpr int kLeast = 4, kMost = 24;
  constexpr double kRepaid = 20'000;                      // runs
  constexpr double kLongest = 2, kAll = 5, kInVain = 10;  // seconds
  const int tried = s.ran + s.failed;
  if (tried < kLeast) return false;
  if (tried >= kMost) return true;
  if (s.ran < kLeast) return s.seconds > kInVain;
  return s.seconds > kAll ||
         s.timing_seconds > std::min(kLongest, kRepaid * 1e-6 * s.best_microseconds);
}

}  // namespace peclr::cuda
