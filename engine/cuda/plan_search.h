// SPDX-License-Identifier: Apache-2.0
// When the search for a convolution's fastest plan has seen enough.
#pragma once
#include <algorithm>

namespace peclr::cuda {

struct SearchSoFar {
  // Plans; of engines that are not exact none is made, which costs nothing.
  int ran = 0, failed = 0;
  double best_microseconds = 0;  // of those that ran
  double seconds = 0;            // some engines compile for a second each
};

// The best are among the first, and what is fast already pays back little of more search: where
// engines compile, its first is taken. Where none runs, some are tried.
inline bool enough(const SearchSoFar& s) {
  constexpr int kLeast = 4, kMost = 24;
  constexpr double kRepaid = 20'000;            // runs
  constexpr double kLongest = 5, kInVain = 10;  // seconds
  const int tried = s.ran + s.failed;
  if (tried >= kMost) return true;
  if (s.ran == 0) return tried >= kLeast && s.seconds > kInVain;
  return s.seconds > std::min(kLongest, kRepaid * 1e-6 * s.best_microseconds);
}

}  // namespace peclr::cuda
