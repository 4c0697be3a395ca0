// SPDX-License-Identifier: Apache-2.0
// Orders of epochs: complete, repeatable, weighted as asked, and shared safely between threads.
#include "data/mixture.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "data/shuffle.h"
#include "tests/support/files.h"

using namespace peclr;
using test::caught;

namespace {

using Order = std::vector<PictureId>;

Mixture mixture(std::vector<std::int64_t> sizes, std::vector<double> weights, std::uint64_t seed) {
  return make_mixture(sizes, weights, seed);
}

bool each_once(const Order& order, const std::vector<std::int64_t>& sizes) {
  std::set<PictureId> seen(order.begin(), order.end());
  std::int64_t total = 0;
  for (std::size_t s = 0; s < sizes.size(); ++s) {
    total += sizes[s];
    for (std::int64_t i = 0; i < sizes[s]; ++i) {
      if (!seen.contains({std::int32_t(s), std::int32_t(i)})) return false;
    }
  }
  return std::int64_t(order.size()) == total;
}

// A source's pictures in the order drawn come in whole passes: each block of `size` holds every
// picture once.
bool whole_passes(const std::vector<int>& drawn, int size) {
  for (std::size_t begin = 0; begin < drawn.size(); begin += std::size_t(size)) {
    const std::size_t end = std::min(drawn.size(), begin + std::size_t(size));
    const std::set<int> pass(drawn.begin() + std::ptrdiff_t(begin),
                             drawn.begin() + std::ptrdiff_t(end));
    if (pass.size() != end - begin) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("without weights every picture comes once an epoch") {
  const Mixture two = mixture({30, 7}, {0, 0}, 3);
  CHECK(two.epoch_size == 37);
  Order first = epoch_order(two, 0);
  CHECK(each_once(first, two.sizes));
  CHECK(each_once(epoch_order(two, 1000), two.sizes));
  CHECK(epoch_order(two, 0) == first);
  CHECK(epoch_order(two, 1) != first);
  CHECK(epoch_order(mixture({30, 7}, {0, 0}, 4), 0) != first);
  first[5] = first[6];  // planted: one twice, another never
  CHECK_FALSE(each_once(first, two.sizes));
}

TEST_CASE("shuffles are fair") {
  // Where the first item of five lands, over many keys: each place a fifth of the times, within 5
  // sigma.
  int landed[5] = {};
  constexpr int kRounds = 20000;
  for (std::uint64_t key = 0; key < kRounds; ++key) {
    const auto order = shuffled(5, 1, Shuffle::epoch, key);
    ++landed[std::find(order.begin(), order.end(), 0u) - order.begin()];
  }
  const double sigma = std::sqrt(kRounds * 0.2 * 0.8);
  for (const int count : landed) CHECK(std::abs(count - kRounds / 5) < 5 * sigma);
}

TEST_CASE("weights share out the positions, passes go on across epochs") {
  const Mixture three = mixture({100, 40, 7}, {1, 1, 2}, 9);
  CHECK(three.epoch_size == 147);
  std::map<int, std::vector<int>> drawn;
  for (int epoch = 0; epoch < 12; ++epoch) {
    const Order order = epoch_order(three, epoch);
    CHECK(order.size() == 147);
    CHECK(epoch_order(three, epoch) == order);
    std::map<int, int> counts;
    for (const PictureId id : order) {
      ++counts[id.source];
      drawn[id.source].push_back(id.index);
    }
    CHECK(counts[0] == 37);  // 36.75 of 147: the first two have the largest remainders
    CHECK(counts[1] == 37);
    CHECK(counts[2] == 73);
  }
  CHECK(whole_passes(drawn[0], 100));
  CHECK(whole_passes(drawn[1], 40));
  CHECK(whole_passes(drawn[2], 7));
  std::swap(drawn[0][99], drawn[0][100]);
  drawn[0][0] = drawn[0][1];  // planted
  CHECK_FALSE(whole_passes(drawn[0], 100));
  // A source's next pass is in another order.
  CHECK_FALSE(std::equal(drawn[1].begin(), drawn[1].begin() + 40, drawn[1].begin() + 40));
  // Turns are mixed, not one source after the other.
  const Order order = epoch_order(three, 0);
  CHECK_FALSE(std::is_sorted(order.begin(), order.end(),
                             [](PictureId a, PictureId b) { return a.source < b.source; }));
}

TEST_CASE("what is left of the positions goes to the largest remainders") {
  // 2.4, 1.2 and 2.4 of 6; 3.33 and 6.67 of 10.
  const auto turns = [](std::vector<std::int64_t> sizes, std::vector<double> weights) {
    std::vector<int> counts(sizes.size());
    for (const PictureId id : epoch_order(mixture(sizes, weights, 1), 0)) ++counts[id.source];
    return counts;
  };
  CHECK(turns({2, 2, 2}, {2, 1, 2}) == std::vector<int>{3, 1, 2});  // of equal ones the first
  CHECK(turns({5, 5}, {1, 2}) == std::vector<int>{3, 7});
}

TEST_CASE("a source alone with a weight is the same as every picture once") {
  const Mixture one = mixture({25}, {0.3}, 1);
  for (int epoch = 0; epoch < 3; ++epoch) CHECK(each_once(epoch_order(one, epoch), one.sizes));
}

TEST_CASE("weights that mean nothing are refused") {
  const int usage = static_cast<int>(ErrorKind::usage);
  CHECK(caught([] { mixture({10, 10}, {1, 0}, 1); }).kind == usage);
  CHECK(caught([] { mixture({10, 10}, {1, -1}, 1); }).kind == usage);
  CHECK(caught([] { mixture({10, 10}, {1, std::nan("")}, 1); }).kind == usage);
  CHECK(caught([] { mixture({10, 10}, {1, INFINITY}, 1); }).kind == usage);
  CHECK(caught([] { mixture({10, 10}, {1, 1e-6}, 1); }).kind == usage);
  CHECK(caught([] { mixture({1ll << 31}, {0}, 1); }).kind == static_cast<int>(ErrorKind::data));
}

TEST_CASE("orders are shared between threads and epochs") {
  EpochOrders orders(mixture({200}, {0}, 2));
  const auto zero = orders.of(0);
  CHECK(orders.of(0) == zero);  // the same, not an equal one
  for (const int epoch : {0, 1, 2, 0, 3}) {
    CHECK(*orders.of(epoch) == epoch_order(orders.mixture(), epoch));
  }
  CHECK(*zero == epoch_order(orders.mixture(), 0));  // kept alive by who holds it
}
