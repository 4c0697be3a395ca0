// SPDX-License-Identifier: Apache-2.0
// The learning rate at the places where its formula has corners.
#include "kernels/schedule.h"

#include <catch2/catch.hpp>

using namespace peclr;

TEST_CASE("warm-up is linear from zero to the peak", "[schedule]") {
  const Schedule schedule{0.0045, 6, 30};
  for (int t = 0; t < 6; ++t)
    REQUIRE(learning_rate(schedule, t) == Approx(0.0009 * t).margin(1e-18));
}

TEST_CASE("the cosine starts at the peak, halves in the middle and falls to zero", "[schedule]") {
  const Schedule schedule{2, 10, 110};
  REQUIRE(learning_rate(schedule, 9) == Approx(2));
  REQUIRE(learning_rate(schedule, 10) == Approx(2));
  REQUIRE(learning_rate(schedule, 35) == Approx(1 + 0.70710678118654752));  // cos 45 degrees
  REQUIRE(learning_rate(schedule, 60) == Approx(1));
  REQUIRE(learning_rate(schedule, 109) ==
          Approx(1 - 0.99950656036573155).epsilon(1e-9));  // cos(0.99 pi)
  for (int t = 11; t < 110; ++t)
    REQUIRE(learning_rate(schedule, t) < learning_rate(schedule, t - 1));
  REQUIRE(learning_rate(schedule, 110) == 0);
  REQUIRE(learning_rate(schedule, 1000) == 0);
}

TEST_CASE("a warm-up of no or one step is none", "[schedule]") {
  for (const int warmup : {0, 1}) {
    REQUIRE(learning_rate({3, warmup, 4}, 0) == Approx(3));
    REQUIRE(learning_rate({3, warmup, 4}, 2) == Approx(1.5));
  }
}

TEST_CASE("a warm-up of two steps is zero and the peak", "[schedule]") {
  REQUIRE(learning_rate({3, 2, 6}, 0) == 0);
  REQUIRE(learning_rate({3, 2, 6}, 1) == Approx(3));
  REQUIRE(learning_rate({3, 2, 6}, 2) == Approx(3));
  REQUIRE(learning_rate({3, 2, 6}, 4) == Approx(1.5));
}

TEST_CASE("a run shorter than its warm-up only warms up", "[schedule]") {
  REQUIRE(learning_rate({1, 5, 3}, 2) == Approx(0.5));
  REQUIRE(learning_rate({1, 3, 3}, 2) == Approx(1));
  REQUIRE(learning_rate({1, 3, 3}, 3) == 0);
}
