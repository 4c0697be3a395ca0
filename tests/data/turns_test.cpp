// SPDX-License-Identifier: Apache-2.0
#include "data/turns.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <stdexcept>
#include <vector>

#include "engine/parallel.h"

namespace peclr {

TEST_CASE("in turns: each element once, told after each turn, and no turn after a fault") {
  for (const int count : {1, 3}) {
    set_threads(count);
    std::vector<std::atomic<int>> seen(25);
    std::vector<std::int64_t> told;
    const auto tell = [&](std::int64_t done, std::int64_t all) {
      CHECK(all == 25);
      for (std::int64_t i = 0; i < all; ++i) CHECK(seen[std::size_t(i)] == (i < done));
      told.push_back(done);
    };
    in_turns(
        25, 10, [&](std::int64_t i) { ++seen[std::size_t(i)]; }, tell);
    CHECK(told == std::vector<std::int64_t>{10, 20, 25});
    in_turns(0, 10, [](std::int64_t) { FAIL(); }, {});

    std::atomic<int> begun{0};
    const auto fails = [&](std::int64_t i) {
      ++begun;
      if (i == 12) throw std::runtime_error("the disk is full");
    };
    CHECK_THROWS_WITH(in_turns(25, 10, fails, {}), "the disk is full");
    CHECK(begun == 20);
  }
  set_threads(0);
}

}  // namespace peclr
