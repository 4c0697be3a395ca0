// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/plan_search.h"

#include <catch2/catch.hpp>

namespace peclr::cuda {
namespace {

// Engines that compile for a second each.
SearchSoFar compiled(int ran, int failed, double best_microseconds = 30) {
  return {.ran = ran,
          .failed = failed,
          .best_microseconds = best_microseconds,
          .seconds = 1. * (ran + failed)};
}

TEST_CASE("plan search: as many compile as a slow convolution pays back", "[cuda]") {
  CHECK(enough(compiled(1, 0)));
  CHECK_FALSE(enough(compiled(1, 0, 120)));
  CHECK_FALSE(enough(compiled(2, 0, 120)));
  CHECK(enough(compiled(2, 1, 120)));
  CHECK_FALSE(enough(compiled(5, 0, 5000)));
  CHECK(enough(compiled(6, 0, 5000)));
}

TEST_CASE("plan search: of what is fast already little is timed, of the rest some", "[cuda]") {
  const auto after = [](double best_microseconds, double seconds, int ran = 4) {
    return enough({.ran = ran, .best_microseconds = best_microseconds, .seconds = seconds});
  };
  CHECK_FALSE(after(30, .5));
  CHECK(after(30, .7));
  CHECK_FALSE(after(1000, 4.9));
  CHECK(after(1000, 5.1));
  CHECK_FALSE(after(1000, .1, 23));
  CHECK(after(1000, .1, 24));
}

TEST_CASE("plan search: it ends where nothing runs", "[cuda]") {
  CHECK_FALSE(enough(compiled(0, 10)));
  CHECK(enough(compiled(0, 11)));
  const auto quick = [](int failed) { return enough({.failed = failed, .seconds = .1}); };
  CHECK_FALSE(quick(23));
  CHECK(quick(24));
  CHECK_FALSE(enough({.failed = 3, .seconds = 60}));  // a machine that is busy
}

}  // namespace
}  // namespace peclr::cuda
