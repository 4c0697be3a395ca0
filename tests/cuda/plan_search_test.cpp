// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/plan_search.h"

#include <catch2/catch.hpp>

namespace peclr::cuda {
namespace {

// A fast convolution, whose engines compile for a second each.
SearchSoFar compiled(int ran, int failed) {
  return {.ran = ran,
          .failed = failed,
          .best_microseconds = 30,
          .timing_seconds = .001 * ran,
          .seconds = 1. * (ran + failed)};
}

TEST_CASE("plan search: a few are compared, however long they compile", "[cuda]") {
  for (int ran = 0; ran < 6; ++ran) CHECK(enough(compiled(ran, 0)) == (ran > 5));
  CHECK(enough(compiled(6, 0)));
  SearchSoFar slow = compiled(3, 0);
  slow.seconds = slow.timing_seconds = 9;
  CHECK_FALSE(enough(slow));
  CHECK_FALSE(enough(compiled(3, 3)));
}

TEST_CASE("plan search: of what is fast already little is timed, of the rest some", "[cuda]") {
  const auto after = [](double best_microseconds, double timing_seconds, int ran = 4) {
    return enough({.ran = ran,
                   .best_microseconds = best_microseconds,
                   .timing_seconds = timing_seconds,
                   .seconds = timing_seconds});
  };
  CHECK_FALSE(after(30, .5));
  CHECK(after(30, .7));
  CHECK_FALSE(after(1000, 1.9));
  CHECK(after(1000, 2.1));
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
