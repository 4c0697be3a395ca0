// SPDX-License-Identifier: Apache-2.0
// Preparing ahead: the same batches for any number of threads, faults where they belong, a clean
// end.
#include "data/loader.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "engine/error.h"
#include "kernels/random.h"
#include "tests/support/files.h"

using namespace peclr;
using test::Caught;
using test::caught;

namespace {

constexpr int kItems = 5;
using Batches = std::vector<std::vector<std::uint64_t>>;

// Work of uneven length, so that elements end in another order than they began.
std::uint64_t busy(std::uint64_t seed) {
  Rng random = Rng::of(seed);
  std::uint64_t sum = 0;
  for (std::uint32_t i = random.below(3000); i > 0; --i) sum += random.next();
  return sum;
}

// Batches first .. end - 1 as the consumer sees them, each looked at twice: a buffer in use must
// not change.
template <class Content>
Batches load(LoaderOptions options, Content content) {
  options.items = kItems;
  std::vector<std::vector<std::uint64_t>> ring(std::size_t(options.slots),
                                               std::vector<std::uint64_t>(kItems));
  Loader loader(options, [&](const LoaderItem& item) {
    ring[std::size_t(item.slot)][std::size_t(item.item)] = content(item);
  });
  Batches seen;
  for (std::int64_t b = options.first_batch; b < options.end_batch; ++b) {
    const auto slot = std::size_t(loader.next());
    seen.push_back(ring[slot]);
    busy(std::uint64_t(b));
    CHECK(ring[slot] == seen.back());
  }
  CHECK_THROWS_AS(loader.next(), Error);
  return seen;
}

std::uint64_t content_of(std::int64_t batch, int item) {
  return busy(std::uint64_t(batch) * kItems + std::uint64_t(item));
}

std::uint64_t by_number(const LoaderItem& item) { return content_of(item.batch, item.item); }

}  // namespace

TEST_CASE("batches are the same for any number of threads and buffers") {
  Batches want(60);
  for (std::size_t b = 0; b < want.size(); ++b)
    for (int i = 0; i < kItems; ++i) want[b].push_back(content_of(std::int64_t(b), i));
  for (const int threads : {1, 4}) {
    for (const int slots : {1, 2, 5}) {
      CHECK(load({.threads = threads, .slots = slots, .end_batch = 60}, by_number) == want);
    }
  }
  const Batches later =
      load({.threads = 4, .slots = 3, .first_batch = 47, .end_batch = 60}, by_number);
  CHECK(std::equal(later.begin(), later.end(), want.begin() + 47, want.end()));
}

TEST_CASE("content that depends on the buffer is noticed") {  // planted
  auto by_slot = [](const LoaderItem& item) { return std::uint64_t(item.slot); };
  CHECK(load({.threads = 2, .slots = 2, .end_batch = 10}, by_slot) !=
        load({.threads = 2, .slots = 3, .end_batch = 10}, by_slot));
}

TEST_CASE("a fault is thrown with its batch, the lowest element's first, every time") {
  for (const int threads : {1, 4}) {
    for (int round = 0; round < 20; ++round) {
      std::atomic<bool> higher_failed{false};
      Loader loader({.threads = threads, .slots = 4, .items = kItems}, [&](const LoaderItem& item) {
        busy(std::uint64_t(item.batch * 7 + item.item));
        if (item.batch == 6 && item.item >= 2) {
          if (item.item == 4) higher_failed = true;
          if (threads == 4 && item.item == 2) {  // the lowest comes last
            while (!higher_failed) std::this_thread::yield();
            for (int i = 0; i < 100; ++i) std::this_thread::yield();
          }
          fail(ErrorKind::data, "element {} of batch {}", item.item, item.batch);
        }
        if (item.batch == 7) fail(ErrorKind::data, "too far");
      });
      for (int b = 0; b < 6; ++b) REQUIRE_NOTHROW(loader.next());
      for (int again = 0; again < 2; ++again) {
        const Caught error = caught([&] { loader.next(); });
        REQUIRE(error.kind == static_cast<int>(ErrorKind::data));
        REQUIRE(error.text == "element 2 of batch 6");
      }
    }
  }
}

TEST_CASE("a loader can end at any time") {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> working{0};
    {
      Loader loader({.threads = 4, .slots = 3, .items = 8}, [&](const LoaderItem& item) {
        ++working;
        busy(std::uint64_t(item.batch * 8 + item.item));
        --working;
      });
      for (int b = 0; b < round % 5; ++b) loader.next();
    }
    REQUIRE(working == 0);
  }
}
